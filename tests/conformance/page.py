"""Writes docs/conformance.md: python -m tests.conformance.page. A test fails if the page is not what this writes."""

import textwrap
from collections.abc import Iterator, Sequence

from broker.tools.conformance.requirements import ALL, REQUIREMENTS, Level, Requirement
from tests.conformance.coverage import CHECK, ROOT, UNTESTABLE, Proof, proofs

PAGE = ROOT / "docs" / "conformance.md"
INTRODUCTION = ROOT / "tests" / "conformance" / "introduction.md"

_WIDTH = 118
_LEVELS = {
    Level.MUST: "OCPI demands it",
    Level.SHOULD: "OCPI advises it",
    Level.HTTP: "it follows from HTTP or JSON",
    Level.PROJECT: "a rule of this project where OCPI is silent or contradicts itself",
}
_CHAPTERS = {
    "TR": "Transport",
    "AU": "Authorization",
    "ID": "Message ids",
    "RH": "Routing headers",
    "EN": "Envelope",
    "SC": "Status codes",
    "PG": "Pages",
    "TY": "Types",
    "VL": "Version list",
    "VD": "Version details",
    "CO": "Credentials object",
    "RR": "Registration, we answer the POST",
    "RS": "Registration, we send the POST",
    "UR": "Update",
    "TK": "Life of tokens",
    "UN": "Unregister",
    "GT": "GET credentials",
    "HB": "Hubs",
    "PR": "Parties",
}


def text() -> str:
    """The whole page."""
    known = proofs()
    levels = [f"| {level.value} | {meaning} |" for level, meaning in _LEVELS.items()]
    lines = [INTRODUCTION.read_text(), "| level | meaning |", "|---|---|", *levels]
    for prefix, title in _CHAPTERS.items():
        lines += ["", f"### {title}", ""]
        for requirement in REQUIREMENTS.values():
            if requirement.id.startswith(prefix):
                lines += _entry(requirement, known)
    return "\n".join(lines) + "\n"


def _entry(requirement: Requirement, known: Sequence[Proof]) -> Iterator[str]:
    versions = "all versions" if requirement.versions == ALL else ", ".join(requirement.versions)
    head = f"- **{requirement.id}** ({requirement.level.value}, {versions}) {requirement.meaning}"
    yield from textwrap.wrap(head, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    if requirement.id in UNTESTABLE:
        yield f"  - not tested: {UNTESTABLE[requirement.id]}"
    for place in dict.fromkeys(proof.place for proof in known if requirement.id in proof.ids):
        names = [f"`{proof.name}`" for proof in known if proof.place == place and requirement.id in proof.ids]
        line = f"  - {place if place == CHECK else f'`{place}`'}: {', '.join(names)}"
        yield from textwrap.wrap(line, _WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    PAGE.write_text(text())
