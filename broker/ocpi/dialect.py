"""What differs between OCPI versions: each version is one Dialect, written as its difference from the one before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from broker.core.model import Credentials, Endpoint, HeaderForm, Version

Json = dict[str, Any]


class Malformed(ValueError):  # noqa: N818  the sentence reads "raises Malformed"
    """Sound JSON that breaks a rule of OCPI. Names the JSON path and the rule (CO-39), never the value found there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version is spoken.

    read_* take parsed JSON and raise Malformed. write_* raise NotExpressibleError for what the version cannot say.
    header is the form in which we show a token unless the peer has shown another one (A1).
    """

    version: Version
    header: HeaderForm
    read_credentials: Callable[[object], Credentials]
    write_credentials: Callable[[Credentials], Json]
    read_details: Callable[[object], tuple[Version, tuple[Endpoint, ...]]]
    write_details: Callable[[Version, Sequence[Endpoint]], Json]
