"""What a suite is told about the sidecar it talks to, and how it ends."""

import json
import os
import sys
import unittest

FACTS = json.loads(os.environ["DOORWARD_TEST"])


def main():
    """Runs the calling module's tests. No test at all is a failure."""
    result = unittest.main(module="__main__", exit=False, verbosity=2).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
