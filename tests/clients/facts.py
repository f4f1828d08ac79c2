"""What a suite is told about the sidecar it talks to, and how it ends."""

import json
import os
import sys
import unittest
import urllib.request

FACTS = json.loads(os.environ["DOORWARD_TEST"])


def seen():
    """The heads that the stand-in received so far."""
    with urllib.request.urlopen(FACTS["seen"], timeout=30) as answer:
        return json.load(answer)


def headers(head, name):
    """All values of one header of a head."""
    return [value for other, value in head["headers"] if other.lower() == name]


def main():
    """Runs the calling module's tests. No test at all is a failure."""
    result = unittest.main(module="__main__", exit=False, verbosity=2).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
