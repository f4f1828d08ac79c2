"""What was checked, and what came of it."""

import traceback


class Checks:
    """Counts, and says of each failure what was done, what was expected and what came."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, None

    def equal(self, what, expected, came):
        self._count(expected == came, what, repr(expected), repr(came))

    def among(self, what, expected, came):
        self._count(came in expected, what, f"one of {expected!r}", repr(came))

    def at_most(self, what, bound, came, unit=""):
        self._count(came is not None and came <= bound, what, f"at most {bound:g}{unit}", "none" if came is None else f"{came:.4g}{unit}")

    def no(self, what, found):
        """Passes when nothing was found."""
        self._count(not found, what, "none", "; ".join(map(str, found)))

    def broke(self, error):
        traceback.print_exception(error)
        self._count(False, "the suite runs to its end", "no error", repr(error))

    def skip(self, reason):
        print(f"skipped: {reason}", flush=True)
        self.skipped = reason

    def is_skipped(self):
        return self.skipped is not None

    def summary(self):
        return "skipped" if self.is_skipped() else f"{self.passed} passed, {self.failed} failed"

    def _count(self, holds, what, expected, came):
        if holds:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAIL  {what}\n      expected: {expected}\n      came:     {came}", flush=True)


def table(heads, rows):
    """Columns as wide as their widest cell, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)
