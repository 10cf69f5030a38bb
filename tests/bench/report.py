"""What was measured, as one table to read. Nothing is judged: the targets stand beside the figures."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tests.bench.rounds import ROUNDS, Figures

_COLUMNS = "{:<34}{:>11}{:>9}{:>9}{:>8}  {:<13} {}"
_TARGETS = {
    "GetPeerToken by name": ">= 0.4",
    "GetPeerToken with module": ">= 0.4",
    "VerifyToken": ">= 0.4",
    "GET credentials": ">= 0.5",
}
_HANDSHAKE_TARGET = "< 50 ms"


def heading(generator: str) -> str:
    return (
        f"grpcio {version('grpcio')}, CPython {platform.python_version()}, {os.cpu_count()} processors,"
        f" load from {generator}, medians of {ROUNDS} rounds"
    )


def comparison(title: str, figures: Sequence[Figures]) -> list[str]:
    head = _COLUMNS.format(title, "per second", "p50 ms", "p99 ms", "ratio", "low to high", "target")
    return [head, *map(_compared, figures)]


def _compared(one: Figures) -> str:
    low, high = one.spread
    numbers = (f"{one.rate:,.0f}", f"{one.p50:.1f}", f"{one.p99:.1f}", f"{one.ratio:.2f}", f"{low:.2f} to {high:.2f}")
    return _COLUMNS.format(f"  {one.name}", *numbers, _TARGETS.get(one.name, "")).rstrip()


def waits(title: str, rows: Mapping[str, tuple[float, float]]) -> list[str]:
    head = _COLUMNS.format(title, "", "p50 ms", "p99 ms", "", "", "target")
    return [head, *(_waited(name, *times) for name, times in rows.items())]


def _waited(name: str, p50: float, p99: float) -> str:
    return _COLUMNS.format(f"  {name}", "", f"{p50:.1f}", f"{p99:.1f}", "", "", _HANDSHAKE_TARGET)
