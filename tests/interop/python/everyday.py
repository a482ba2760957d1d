"""Takes the official ThingsBoard SDK through what a device does, and tells what came of each step.

Usage: everyday.py HOST PORT TOKEN

After "listening" it waits for a change of the shared attribute "uploadFrequency" and for an RPC, which the
test brings about.
"""

import queue
import sys

from steps import PATIENCE_S, connect, leave, tell


def main(host, port, token):
    client, limits = connect(host, port, username=token)
    tell("connected", limits=limits)
    arrived = queue.Queue()

    def next_arrival():
        return arrived.get(timeout=PATIENCE_S)

    reading = {"temperature": 21.5, "enabled": True, "name": "boiler", "slots": 3}
    tell("telemetry", code=client.send_telemetry({"ts": 1700000000000, "values": reading}).get())
    tell("telemetry_without_time", code=client.send_telemetry({"pressure": 7}).get())
    tell("attributes", code=client.send_attributes({"serial": "A-7", "rooms": 4}).get())

    client.request_attributes(
        client_keys=["serial"],
        shared_keys=["uploadFrequency"],
        callback=lambda answer, error: arrived.put(answer if error is None else str(error)),
    )
    tell("attribute_request", answer=next_arrival())

    client.send_rpc_call("getTime", {"zone": "UTC"}, lambda id, answer, error: arrived.put(answer))
    tell("client_rpc", answer=next_arrival())

    calls = queue.Queue()
    client.subscribe_to_attribute("uploadFrequency", lambda values, error: arrived.put(values))
    client.set_server_side_rpc_request_handler(lambda id, request: calls.put((id, request)))
    tell("listening")
    tell("attribute_update", values=next_arrival())

    # Replied to from here: a handler that waits for the acknowledgement would block the SDK's own reader.
    call, request = calls.get(timeout=PATIENCE_S)
    client.send_rpc_reply(call, {"pong": request["params"]}, wait_for_publish=True)
    tell("server_rpc", request=request)

    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
