"""Takes the official ThingsBoard SDK through what a gateway does, and tells what came of each step.

Usage: gateway.py HOST PORT TOKEN

After "listening" it waits for a change of the shared attribute "interval" of "Meter 7" and for an RPC to it,
which the test brings about.
"""

import queue
import sys

from steps import PATIENCE_S, connect_gateway, leave, tell

CHILD = "Meter 7"


def main(host, port, token):
    client, limits = connect_gateway(host, port, username=token)
    tell("connected", limits=limits)
    arrived = queue.Queue()

    def next_arrival():
        return arrived.get(timeout=PATIENCE_S)

    def arrive(content, error=None):
        arrived.put(content if error is None else str(error))

    tell("child", code=client.gw_connect_device(CHILD, "meter").get())
    reading = {"ts": 1700000000000, "values": {"flow": 1.5, "open": True}}
    tell("telemetry", code=client.gw_send_telemetry(CHILD, [reading, {"pressure": 7}]).get())
    tell("attributes", code=client.gw_send_attributes(CHILD, {"serial": "W-1", "rooms": 4}).get())
    tell("own_telemetry", code=client.send_telemetry({"load": 3}).get())

    client.gw_request_shared_attributes(CHILD, ["interval"], arrive)
    tell("shared_request", answer=next_arrival())
    client.gw_request_client_attributes(CHILD, ["serial", "rooms"], arrive)
    tell("client_request", answer=next_arrival())

    calls = queue.Queue()
    client.gw_subscribe_to_attribute(CHILD, "interval", arrive)
    client.gw_set_server_side_rpc_request_handler(lambda client, request: calls.put(request))
    tell("listening")
    tell("attribute_update", update=next_arrival())

    # Replied to from here: a handler that waits for the acknowledgement would block the SDK's own reader.
    request = calls.get(timeout=PATIENCE_S)
    data = request["data"]
    code = client.gw_send_rpc_reply(request["device"], data["id"], {"pong": data["params"]}).get()
    tell("rpc", request=request, code=code)

    tell("claimable", code=client.gw_claim(CHILD, "on the label", 60000).get())
    tell("child_gone", code=client.gw_disconnect_device(CHILD).get())
    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
