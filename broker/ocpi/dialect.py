"""What differs between OCPI versions: each version is one Dialect, written as its difference from another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from broker.core.model import Announcement, Credentials, Endpoint, HeaderForm, Style, Version
from broker.ocpi.notes import Notes

Json = dict[str, Any]

ABSENT: Final = object()
"""Stands for data that is left out of the envelope, which is not the same as null (EN-06, UN-03)."""

PLAIN: Final = Style()


class Malformed(ValueError):  # noqa: N818  the sentence reads "raises Malformed"
    """Sound JSON that breaks a rule of OCPI. Names the JSON path and the rule (CO-39), never the value found there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version is spoken.

    read_* take parsed JSON and raise Malformed; read_details notes what it lets pass. write_* raise
    NotExpressibleError for what the version cannot say.
    header is the form in which we show a token unless the peer has shown another one (A1). unregistered is the data of
    a successful DELETE. has_message_ids says whether the version has X-Request-ID and X-Correlation-ID (ID-01).
    """

    version: Version
    header: HeaderForm
    read_credentials: Callable[[object], Announcement]
    write_credentials: Callable[[Credentials, Style], Json]
    read_details: Callable[[object, Notes], tuple[Version, tuple[Endpoint, ...]]]
    write_details: Callable[[Version, Sequence[Endpoint]], Json]
    unregistered: object = ABSENT
    has_message_ids: bool = True
