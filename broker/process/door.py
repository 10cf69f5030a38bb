"""The health port: where it is, and whether it has to be had."""

from dataclasses import dataclass
from typing import Final

from broker.process.address import Address

OFF: Final = "off"


@dataclass(frozen=True, slots=True)
class Door:
    """Where health and metrics are shown; nowhere without an address. usual: nobody asked for it, so that a process
    does without it if the address is taken.
    """

    address: Address | None
    usual: bool = False

    @classmethod
    def parse(cls, text: str) -> "Door":
        """Raises ValueError unless text is HOST:PORT or off."""
        if text == OFF:
            return CLOSED
        try:
            return cls(Address.parse(text))
        except ValueError as err:
            raise ValueError(f"{err}, or {OFF}") from None

    def __str__(self) -> str:
        return OFF if self.address is None else str(self.address)


CLOSED: Final = Door(None)
