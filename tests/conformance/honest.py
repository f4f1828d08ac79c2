"""A client as it should be: asks and waits, on one connection. A process of its own, so that whoever floods does not hold it up.

  honest.py PORT CA   the key is the first line of stdin; each further line ends a period, for which it prints a line of JSON
"""

import http.client
import json
import os
import select
import ssl
import sys
import time

PACE = 0.004  # seconds between two requests
PATIENCE = 20


def main():
    port, authority = int(sys.argv[1]), sys.argv[2]
    key = read_line()
    connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=ssl.create_default_context(cafile=authority))
    print("ready", flush=True)
    while True:
        print(json.dumps(period(connection, {"Authorization": f"Bearer {key}"})), flush=True)
        if not read_line():
            return


def period(connection, headers):
    """Requests until stdin has a line: how many failed, and the 99th percentile in milliseconds."""
    took, failed = [], 0
    while not select.select([0], [], [], PACE)[0]:
        began = time.perf_counter()
        try:
            connection.request("GET", "/honest", headers=headers)
            answer = connection.getresponse()
            answer.read()
            failed += answer.status != 200
        except OSError:
            failed += 1
            connection.close()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return {"requests": len(took), "failed": failed, "p99_ms": took[len(took) * 99 // 100] if took else None}


def read_line():
    """Unbuffered: `select` must know what has not been read."""
    line = b""
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode()


main()
