"""The official SDK lets a device be claimed.

Usage: claim.py HOST PORT TOKEN SECRET_KEY DURATION_MS
"""

import sys

from steps import connect, leave, tell


def main(host, port, token, secret_key, duration_ms):
    client, _ = connect(host, port, username=token)
    tell("claimable", code=client.claim(secret_key, int(duration_ms)).get())
    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
