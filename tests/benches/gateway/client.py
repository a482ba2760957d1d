"""Sends readings of children with the official ThingsBoard SDK, and prints what each cost.

Usage: client.py HOST:PORT CHILDREN READINGS
"""

import collections
import json
import os
import sys
import time

# The SDK may run pip while it is imported, which prints to the standard output of the process.
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from tb_gateway_mqtt import TBGatewayMqttClient

TOKEN = "GATEWAY_TOKEN"
WINDOW = 100


def send(client, names, readings):
    open_readings = collections.deque()
    for at in range(readings):
        if len(open_readings) == WINDOW:
            open_readings.popleft().get()
        reading = {"counter": at, "temperature": 21.5, "humidity": 48.25, "on": True}
        now = int(time.time() * 1000)
        open_readings.append(client.gw_send_telemetry(names[at % len(names)], [{"ts": now, "values": reading}]))
    for reading in open_readings:
        reading.get()


def main(address, children, readings):
    host, port = address.split(":")
    client = TBGatewayMqttClient(host, int(port), username=TOKEN)
    client.connect()
    while not client.is_connected():
        time.sleep(0.01)
    names = [f"Meter {at:05}" for at in range(int(children))]
    for name in names:
        client.gw_connect_device(name, "meter").get()
    send(client, names, len(names))
    cpu, wall = time.process_time(), time.monotonic()
    send(client, names, int(readings))
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    cost = {"cpu_us": cpu * 1e6 / int(readings), "per_second": int(readings) / wall}
    print(json.dumps({**cost, "p50_us": None, "p99_us": None, "memory_kb": None}), file=out, flush=True)
    client.disconnect()
    client.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
