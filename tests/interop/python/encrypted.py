"""The official SDK over TLS, as a device with a token or with a certificate.

Usage: encrypted.py HOST PORT CA_FILE TOKEN
       encrypted.py HOST PORT CA_FILE CHAIN_FILE KEY_FILE
"""

import sys

from steps import connect, leave, tell


def main(host, port, ca_file, *identity):
    tls = {"ca_certs": ca_file}
    token = None
    if len(identity) == 1:
        token = identity[0]
    else:
        tls["cert_file"], tls["key_file"] = identity
    client, _ = connect(host, port, tls=tls, username=token)
    tell("telemetry", code=client.send_telemetry({"temperature": 21}).get())
    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
