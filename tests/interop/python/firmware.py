"""The official SDK updates the firmware of a device, in chunks.

Usage: firmware.py HOST PORT TOKEN CHUNK_SIZE asks
       firmware.py HOST PORT TOKEN CHUNK_SIZE is_told CHECKSUMS

It asks for the firmware and leaves the rest to the SDK, which writes a file named as the title of the package
into the working directory. Or it waits to be told of one, takes it over from the SDK, and tells which of the
checksums (a JSON object, by algorithm) the SDK accepts for it.
"""

import json
import queue
import sys

from sdk_utils import verify_checksum
from steps import PATIENCE_S, connect, leave, tell, wait_until_told_to_go_on
from tb_device_mqtt import TBFirmwareState


def asks(client):
    client.get_firmware_update()
    tell("asked")


def is_told(client, checksums):
    received = queue.Queue()
    # The SDK looks the client up in its arguments: it gives itself, the bytes and the version.
    client.set_on_firmware_received_callback(lambda client, *package: received.put(package))
    tell("listening")
    image, version = received.get(timeout=PATIENCE_S)
    accepted = [name for name, checksum in json.loads(checksums).items() if verify_checksum(image, name, checksum)]
    tell("received", size=len(image), version=version, accepted=accepted)
    client.update_firmware_info(state=TBFirmwareState.UPDATING)
    client.update_firmware_info(
        title=client.firmware_info["fw_title"], version=version, state=TBFirmwareState.UPDATED
    )


def main(host, port, token, chunk_size, what, *more):
    client, _ = connect(host, port, username=token, chunk_size=int(chunk_size))
    {"asks": asks, "is_told": is_told}[what](client, *more)
    wait_until_told_to_go_on()
    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
