"""How a check ends when it does not pass."""

from broker.tools.conformance.transcript import Exchange


class Deviation(Exception):  # noqa: N818  it is a finding about the platform, no error of this program
    """The platform does not do what a requirement says. exchange shows it; without one, the last of the check does."""

    def __init__(self, sentence: str, exchange: Exchange | None = None) -> None:
        super().__init__(sentence)
        self.exchange = exchange


class Skipped(Exception):  # noqa: N818  no error either
    """The check cannot be made here, and why."""


class Unreachable(Deviation):
    """The platform gave no answer at all."""
