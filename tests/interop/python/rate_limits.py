"""The official SDK sends more than the limits allow at once.

Usage: rate_limits.py HOST PORT TOKEN MESSAGES POINTS

It sends so many messages of one data point each, and then so many data points in messages of forty.
"""

import sys

from steps import connect, leave, tell


def main(host, port, token, messages, points):
    client, limits = connect(host, port, username=token)
    tell("limited", limits=limits)

    for number in range(int(messages)):
        info = client.send_telemetry({"number": number})
    tell("messages_sent", code=info.get())

    for start in range(0, int(points), 40):
        info = client.send_telemetry({f"point{number}": number for number in range(start, start + 40)})
    tell("points_sent", code=info.get())
    leave(client)


if __name__ == "__main__":
    main(*sys.argv[1:])
