"""The files of the corpus: one shape each, as some platform sends it. README.md tells their form."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = ("answers", "credentials", "details", "envelopes", "errors", "headers", "lists")


@dataclass(frozen=True, slots=True)
class Shape:
    """One file. document is what stands in it."""

    path: Path
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.path.stem}"

    @property
    def plain(self) -> bytes:
        """The body before anything is done to it."""
        if "raw" in self.document:
            return (self.path.parent / self.document["raw"]).read_bytes()
        if "text" in self.document:
            text = self.document["text"]
            return ("\n".join(text) if isinstance(text, list) else text).encode()
        return json.dumps(self.document["body"], ensure_ascii=False).encode()

    @property
    def body(self) -> bytes:
        """As it comes over the wire."""
        body = self.plain
        for step in self.document.get("as", ()):
            name, _, argument = step.partition(":")
            body = STEPS[name](body, argument)
        return body


def shapes(kind: str | None = None) -> Iterator[Shape]:
    for path in sorted(HERE.glob(f"{kind or '*'}/*.json")):
        yield Shape(path, json.loads(path.read_text("utf-8")))


def _deflated(body: bytes, window: int) -> bytes:
    writer = zlib.compressobj(wbits=window)
    return writer.compress(body) + writer.flush()


STEPS: dict[str, Callable[[bytes, str], bytes]] = {
    "bom": lambda body, _: b"\xef\xbb\xbf" + body,
    "encoded": lambda body, name: body.decode().encode(name),
    "gzip": lambda body, _: gzip.compress(body, mtime=0),
    "zlib": lambda body, _: _deflated(body, zlib.MAX_WBITS),
    "deflate": lambda body, _: _deflated(body, -zlib.MAX_WBITS),
    "cut": lambda body, size: body[: int(size)],
}
"""What "as" may name, one after the other."""
