"""Answers as they leave a mock peer: right, refused out of caprice before anything is done, or spoiled afterwards.

Only what would have been a success is spoiled: a fault that strikes N times waits for what it is meant for.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from broker.ocpi import envelope
from broker.ocpi.dialect import Json
from broker.tools.mock_peer.faults import Fault
from broker.tools.mock_peer.http_server import Answer, Ending
from broker.tools.mock_peer.self_description import FOREIGN_HOST, Strike

MEGABYTE: Final = 1024 * 1024
SUCCESS: Final = 1000
CLIENT_ERROR: Final = 2000

_HTML: Final = b"<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
_WRONG_DATA: Final[Mapping[str, object]] = MappingProxyType({"array": [], "null": None, "string": "data"})


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before its faults. code is that of OCPI, None if there is no envelope."""

    status: int
    document: Json | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def code(self) -> int | None:
        return int(self.document["status_code"]) if self.document else None

    @property
    def succeeded(self) -> bool:
        return self.code == SUCCESS


def success(data: object, now: datetime) -> Draft:
    return Draft(200, envelope.success(data, now))


def refusal(status: int, code: int, message: str, now: datetime, **headers: str) -> Draft:
    """Any code, also one that no correct platform would send."""
    document = {"status_code": code, "status_message": message, "timestamp": envelope.write_timestamp(now)}
    return Draft(status, document, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def capricious(target: str, strike: Strike, now: datetime) -> Draft | None:
    """The answer if the request is refused without being looked at."""
    if fault := strike("http"):
        return Draft(int(fault.argument))
    if fault := strike("redirect"):
        return Draft(307, None, (("Location", fault.argument or f"{FOREIGN_HOST}{target}"),))
    if fault := strike("refuse"):
        return refusal(200, int(fault.argument), "the mock peer was told to refuse", now)
    return None


def rendered(draft: Draft, ids: Mapping[str, str]) -> Answer:
    """As it should be."""
    typed = {"Content-Type": "application/json"} if draft.document is not None else {}
    body = json.dumps(draft.document).encode() if draft.document is not None else b""
    return Answer(draft.status, body, (*typed.items(), *ids.items(), *draft.headers))


def spoiled(draft: Draft, ids: Mapping[str, str], strike: Strike) -> Answer:
    """With every fault that strikes it."""
    if not draft.succeeded or draft.document is None:
        return rendered(draft, ids)
    document = dict(draft.document)
    for name, change in _DOCUMENT.items():
        if fault := strike(name):
            change(document, fault)
    answer = rendered(replace(draft, document=document), ids)
    for name, spoil in _ANSWER.items():
        if fault := strike(name):
            answer = spoil(answer, fault)
    return answer


def _wrong_envelope(document: Json, fault: Fault) -> None:
    document.pop("data", None)
    if fault.argument in _WRONG_DATA:
        document["data"] = _WRONG_DATA[fault.argument]


def _extra_fields(document: Json, _fault: Fault) -> None:
    document["x_mock_peer"] = {"unknown": [1, "two", None]}
    if isinstance(document.get("data"), dict):
        document["data"] = {**document["data"], "x_mock_peer": True}


def _page(answer: Answer, status: int, body: bytes, kind: str = "text/html") -> Answer:
    """Other content under the same message ids."""
    headers = [(name, value) for name, value in answer.headers if name != "Content-Type"]
    return replace(answer, status=status, body=body, headers=(("Content-Type", kind), *headers))


def _huge(answer: Answer, fault: Fault) -> Answer:
    """Sound JSON of that size: the right answer and blanks."""
    return replace(answer, body=answer.body.ljust(int(fault.argument) * MEGABYTE))


def _gzip_bomb(answer: Answer, fault: Fault) -> Answer:
    body = gzip.compress(answer.body.ljust(int(fault.argument) * MEGABYTE), 9)
    return replace(answer, body=body, headers=(*answer.headers, ("Content-Encoding", "gzip")))


_DOCUMENT: Final[Mapping[str, Callable[[Json, Fault], object]]] = MappingProxyType(
    {
        "status-string": lambda document, _: document.update(status_code=str(document["status_code"])),
        "no-timestamp": lambda document, _: document.pop("timestamp"),
        "extra-fields": _extra_fields,
        "wrong-envelope": _wrong_envelope,
    }
)
_ANSWER: Final[Mapping[str, Callable[[Answer, Fault], Answer]]] = MappingProxyType(
    {
        "content-type": lambda answer, _: _page(answer, answer.status, answer.body, "text/plain"),
        "html": lambda answer, _: _page(answer, 200, _HTML),
        "no-content": lambda answer, _: replace(answer, status=204, body=b""),
        "empty": lambda answer, _: replace(answer, body=b""),
        "504-after-commit": lambda answer, _: _page(answer, 504, _HTML),
        "500-after-commit": lambda answer, _: _page(answer, 500, b"Internal Server Error", "text/plain"),
        "huge": _huge,
        "gzip-bomb": _gzip_bomb,
        "truncate": lambda answer, _: replace(answer, ending=Ending.HALF),
        "drop-after-headers": lambda answer, _: replace(answer, ending=Ending.HEADERS),
        "stall": lambda answer, _: replace(answer, ending=Ending.STALLED),
        "drop-answer": lambda answer, _: replace(answer, ending=Ending.NOTHING),
        "slow": lambda answer, fault: replace(answer, delay=float(fault.argument)),
        "trickle": lambda answer, fault: replace(answer, spread=float(fault.argument)),
    }
)
