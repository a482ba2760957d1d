"""What the scripts have in common: the official SDK, and telling steps to the test that runs them.

A step is one JSON object on a line of the standard output, with its name in "step".
"""

import json
import os
import queue
import sys

# The SDK may run pip while it is imported, which prints to the standard output of the process.
facts_out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from tb_device_mqtt import TBDeviceMqttClient
from tb_gateway_mqtt import TBGatewayMqttClient

PATIENCE_S = 20


def tell(step, **facts):
    print(json.dumps({"step": step, **facts}), file=facts_out, flush=True)


def wait_until_told_to_go_on():
    sys.stdin.read()


def connect(host, port, **options):
    return connect_as(TBDeviceMqttClient, host, port, **options)


def connect_gateway(host, port, **options):
    return connect_as(TBGatewayMqttClient, host, port, **options)


def connect_as(client_type, host, port, tls=None, **options):
    """A connected client, over TLS with these options of its own if there are any, that has asked for the limits of its session, as it does by itself, and keeps them.

    Not by the callback of its connect: the SDK only takes that over while CONNACK may be there already, and
    then never calls it.
    """
    client = client_type(host, int(port), **options)
    take_over = client.service_configuration_callback
    applied = queue.Queue()

    def apply(id, limits, error):
        told = dict(limits)  # the SDK takes it apart
        take_over(id, limits, error)
        applied.put(told)

    client.service_configuration_callback = apply
    client.connect(**({"tls": True, **tls} if tls else {}))
    return client, applied.get(timeout=PATIENCE_S)


def leave(client):
    client.disconnect()
    client.stop()
    tell("done")
