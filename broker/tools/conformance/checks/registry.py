"""How a check is written: an async function of the connection, with the ids that it proves."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from broker.tools.conformance.connection import Connection
from broker.tools.conformance.deviations import Deviation
from broker.tools.conformance.requirements import REQUIREMENTS

Case = TypeVar("Case")
Body = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. title is the first line of the function's docstring, stage the part of the connection's life."""

    name: str
    title: str
    stage: str
    ids: tuple[str, ...]
    body: Body

    def ids_in(self, version: str) -> tuple[str, ...]:
        """The ids that the version has; a check without any is not made."""
        return tuple(name for name in self.ids if version in REQUIREMENTS[name].versions)


class Stage:
    """The checks of one part of the connection's life, in the order in which they are made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._checks: list[Check] = []

    def proves(self, *ids: str) -> Callable[[Body], Body]:
        """The decorator of a check."""

        def register(body: Body) -> Body:
            title = (body.__doc__ or "").strip().splitlines()[0].removesuffix(".")
            self._checks.append(Check(body.__name__, title, self.name, ids, body))
            return body

        return register

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks)


async def each(cases: Mapping[str, Case], body: Callable[[Case], Awaitable[None]]) -> None:
    """Every case, also after one has deviated. Raises one Deviation that names all that did."""
    found: list[tuple[str, Deviation]] = []
    for name, case in cases.items():
        try:
            await body(case)
        except Deviation as deviation:
            found.append((name, deviation))
    if found:
        raise Deviation(_sentence(found), found[0][1].exchange)


def _sentence(found: Sequence[tuple[str, Deviation]]) -> str:
    """Cases that went wrong in the same way share what is said about them."""
    names: dict[str, list[str]] = {}
    for name, deviation in found:
        names.setdefault(str(deviation), []).append(name)
    return "; ".join(f"{', '.join(cases)}: {sentence}" for sentence, cases in names.items())


async def at_once(
    together: Mapping[str, Case], apart: Mapping[str, Case], body: Callable[[Case], Awaitable[None]]
) -> None:
    """Many cases in few exchanges; only if one of those deviates, the cases apart, to name the one that did it."""
    try:
        await each(together, body)
    except Deviation:
        await each(apart, body)
        raise
