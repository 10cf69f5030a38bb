"""Which test proves which requirement: the ids of the checks, and the marks of the tests."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from broker.tools.conformance.checks import CHECKS

CHECK = "check"
ROOT = Path(__file__).resolve().parents[2]

NOT_MADE_HERE = {
    "functional_modules_are_closed": "no functional module is served here",
    "several_parties_share_one_registration": "the invitation is for other parties",
}
"""Checks that our own stack gives no occasion for, and what they say; what they prove needs a test of its own."""

_LATER = "the module hubclientinfo is not served yet"
_FUNCTIONAL = "about functional modules, which the tenant's own platform serves, not this software"

UNTESTABLE = {
    "ID-05": "about a hub that forwards requests; nothing is forwarded yet",
    "RH-03": _FUNCTIONAL,
    "RH-04": _FUNCTIONAL,
    "RH-05": "about a hub that broadcasts; nothing is forwarded yet",
    "SC-07": "about a hub that forwards requests; nothing is forwarded yet",
    "PG-01": _FUNCTIONAL,
    "PG-02": _FUNCTIONAL,
    "PG-04": _LATER,
    "VD-15": _LATER,
    "HB-05": "about a hub that forwards requests; nothing is forwarded yet",
    "HB-07": _LATER,
    "HB-08": _LATER,
    "HB-09": _LATER,
    "HB-10": _LATER,
    "HB-12": _FUNCTIONAL,
    "HB-13": _FUNCTIONAL,
}
"""Requirements that cannot be tested here, and why not."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A check or a test, and the requirements that it proves. place is where it stands."""

    name: str
    place: str
    ids: tuple[str, ...]


@cache
def proofs() -> tuple[Proof, ...]:
    """All of them, checks first."""
    return (*checks(), *marked())


def checks() -> list[Proof]:
    """The checks that are made against our own stack."""
    return [Proof(check.name, CHECK, check.ids) for check in CHECKS if check.name not in NOT_MADE_HERE]


def marked() -> list[Proof]:
    """The tests that have a mark, wherever they stand."""
    return [proof for path in sorted((ROOT / "tests").rglob("test_*.py")) for proof in _marked(path)]


def _marked(path: Path) -> Iterator[Proof]:
    place = str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            ids = tuple(name for decorator in node.decorator_list for name in _ids(decorator))
            if ids:
                yield Proof(node.name, place, ids)


def _ids(decorator: ast.expr) -> Iterator[str]:
    match decorator:
        case ast.Call(func=ast.Attribute(attr="requirement"), args=arguments):
            yield from (str(ast.literal_eval(argument)) for argument in arguments)
