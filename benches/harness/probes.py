"""What clients see of doorward: whether a key is good, and what became of WebSockets."""

import http.client
import time

from harness.processes import fail, tail

# As many as would surely meet every worker.
PROBES = 4
# A change that takes longer has not happened.
PATIENCE = 10.0


class Probe:
    """One keep-alive connection that asks whether a key is good."""

    def __init__(self, stage):
        self.connection = http.client.HTTPSConnection("localhost", stage.port, context=stage.trust(), timeout=PATIENCE)

    def status(self, key):
        self.connection.request("GET", "/", headers={"Authorization": f"Bearer {key}"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def in_force(probes, since, new, old):
    """Seconds until every probe is answered with the new key and refused with the old one."""
    for probe in probes:
        for key, status in ((new, 200), (old, 401)):
            while (got := probe.status(key)) != status:
                if got not in (200, 401):
                    fail(f"a probe was answered {got}")
                if time.time() - since > PATIENCE:
                    return float("inf")
                time.sleep(0.002)
    return time.time() - since


def ask(client, line):
    client.stdin.write(line + "\n")
    client.stdin.flush()
    numbers = client.stdout.readline().split()
    if not numbers:
        fail(f"a client ended: {tail(client)}")
    return [int(number) for number in numbers]


def closes(client, count):
    """Code, moment of the frame and moment of the end of each socket that is closed; waits for `count` of them."""
    closed, = ask(client, f"closes {count}")
    lines = [client.stdout.readline().split() for _ in range(closed)]
    return [(int(code), int(frame) / 1e6, int(end) / 1e6) for code, frame, end in lines]
