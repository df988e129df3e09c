"""How a run of the shim ends."""


class Ended(Exception):
    """The guest stopped by its own decision."""

    def __init__(self, outcome, **details):
        super().__init__(outcome)
        self.result = {"outcome": outcome, **details}


def entered(entry, registers):
    return Ended("entered", entry=entry, registers=registers)


def shutdown():
    """An event that no table took, and the faults of its delivery."""
    return Ended("shutdown")


def refused(how, reason_set, reason, text=""):
    return Ended("refused", how=how, reason_set=reason_set, reason=reason, text=text)
