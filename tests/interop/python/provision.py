"""The official SDK provisions devices: with a token that the server makes, with a token and with a user name
and password of their own, and with a secret that the server does not know. Each then sends a reading with
what it got.

Usage: provision.py HOST PORT KEY SECRET
"""

import json
import sys

from steps import TBDeviceMqttClient, connect, tell


def main(host, port, key, secret):
    def provision(secret=secret, **wanted):
        return TBDeviceMqttClient.provision(host, key, secret, port=int(port), **wanted)

    def send(step, answer, **credentials):
        client, _ = connect(host, port, **credentials)
        tell(step, answer=answer, code=client.send_telemetry({"from": step}).get())
        client.disconnect()
        client.stop()

    answer = provision(device_name="server-made")
    send("server_made", answer, username=answer["credentialsValue"])

    answer = provision(device_name="own-token", access_token="OWN_TOKEN")
    send("own_token", answer, username=answer["credentialsValue"])

    answer = provision(device_name="own-password", client_id="c-7", username="user", password="pass")
    # The server gives these credentials as an object, or as the text of one.
    value = answer["credentialsValue"]
    value = json.loads(value) if isinstance(value, str) else value
    send(
        "own_password",
        answer,
        client_id=value["clientId"],
        username=value["userName"],
        password=value["password"],
    )

    tell("refused", answer=provision(secret="wrong", device_name="refused"))


if __name__ == "__main__":
    main(*sys.argv[1:])
