"""Hypothesis strategies for what peers send, in every version: in order, and with something wrong in it.

They are written from the tables of the specification and share no code with the product. `settled` is the profile for
properties that run with every change: the same examples each time, few enough to be quick. PROPERTY_EXAMPLES=1000 in
the environment tries more.
"""

import copy
import os
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.peer import FLAT
from tests.soak import at_most

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]

CATEGORIES = ("CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER")
INTERFACE_ROLES = ("SENDER", "RECEIVER")
_WITHOUT_HUB = ("CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP")

settled = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("PROPERTY_EXAMPLES", at_most("15", soak="300"))),
    suppress_health_check=[HealthCheck.too_slow],
)


def roles_of(version: str) -> tuple[str, ...]:
    """The Role enum of a version with roles (CO-32)."""
    return _WITHOUT_HUB if version == "2.3.0" else (*_WITHOUT_HUB, "HUB")


# Values


def tokens() -> Strategy:
    return st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64).filter(
        lambda text: text != "#NA"
    )  # which says that there is none (EN-11)


def urls(maximum: int = 255) -> Strategy:
    """Absolute and at most so long; the longest is among them."""
    base = "https://peer.example/"
    tail = st.text(string.ascii_letters + string.digits + "-._~/?&=%", max_size=20)
    longest = st.just(base + "a" * (maximum - len(base)))
    return st.one_of(tail.map(base.__add__), longest, st.just("http://192.0.2.1:8080/versions"))


def names(version: str, maximum: int = 100) -> Strategy:
    """Printable, the longest among them; from 2.2 on with characters beyond the first plane (TY-01)."""
    if version in FLAT:
        plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
        return st.one_of(plain, st.sampled_from(["Kabelwerk", "K" * maximum]))
    printable = st.characters(exclude_categories=("Cc", "Cs"))
    return st.one_of(
        st.text(printable, min_size=1, max_size=20),
        st.sampled_from(["Kabelwerk", "\U0001f50c" * maximum, "\u202eLaden", "a\u200db", "#NA"]),
    )


def country_codes() -> Strategy:
    return st.sampled_from(["DE", "NL", "FR", "GB", "US", "de", "Nl", "iS"])


def party_ids() -> Strategy:
    return st.text(string.ascii_letters + string.digits, min_size=3, max_size=3)


def timestamps() -> Strategy:
    """Every spelling of a DateTime that peers have."""
    return st.builds(
        "{:%Y-%m-%dT%H:%M:%S}{}{}".format,
        st.datetimes(),
        st.sampled_from(["", ".1", ".123", ".123456"]),
        st.sampled_from(["Z", "z", "", "+00:00", "+02:00", "-11:30"]),
    )


def json_values() -> Strategy:
    """Anything that JSON can say, halves of surrogate pairs excepted."""
    text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
    scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), text)
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
        max_leaves=6,
    )


# Objects


def images() -> Strategy:
    pixels = st.integers(min_value=1, max_value=99_999)
    return st.fixed_dictionaries(
        {
            "url": urls(),
            "category": st.sampled_from(CATEGORIES),
            "type": st.sampled_from(["gif", "jpeg", "png", "svg", "PNG"]),
        },
        optional={"thumbnail": urls(), "width": pixels, "height": pixels},
    )


def business_details(version: str) -> Strategy:
    return st.fixed_dictionaries({"name": names(version)}, optional={"website": urls(), "logo": images()})


def _party_ids() -> dict[str, Strategy]:
    return {"country_code": country_codes(), "party_id": party_ids()}


def _role(version: str) -> Strategy:
    kinds = st.sampled_from(roles_of(version))
    return st.fixed_dictionaries({"role": kinds, "business_details": business_details(version), **_party_ids()})


def _distinct(entry: Json) -> tuple[str, ...]:
    return entry["role"], entry["party_id"].upper(), entry["country_code"].upper()


def credentials(version: str) -> Strategy:
    """A credentials object as the version has it, with what its optional fields allow."""
    common = {"token": tokens(), "url": urls()}
    if version in FLAT:
        return st.fixed_dictionaries({**common, "business_details": business_details(version), **_party_ids()})
    roles = st.lists(_role(version), min_size=1, max_size=3, unique_by=_distinct)
    if version != "2.3.0":
        roles = roles.filter(lambda entries: sum(entry["role"] == "HUB" for entry in entries) <= 1)
    hub = st.builds("{}{}".format, country_codes(), party_ids())
    return st.fixed_dictionaries(
        {**common, "roles": roles}, optional={"hub_party_id": hub} if version == "2.3.0" else {}
    )


def drafts() -> Strategy:
    """The credentials object of 2.0 before its release."""
    details = st.fixed_dictionaries({"name": names("2.0")}, optional={"website": urls(), "logo": urls()})
    return st.fixed_dictionaries({"token": tokens(), "business_details": details})


def version_numbers() -> Strategy:
    return st.sampled_from(["2.0", "2.1", "2.1.1", "2.2", "2.2.1", "2.3.0", "3.0", "2.10"])


def version_lists() -> Strategy:
    entry = st.fixed_dictionaries({"version": version_numbers(), "url": urls()})
    return st.lists(entry, min_size=1, max_size=6, unique_by=lambda entry: entry["version"])


def details(version: str) -> Strategy:
    module = st.sampled_from(["cdrs", "commands", "locations", "sessions", "tariffs", "tokens", "nltnm-tokens"])
    kind: dict[str, Strategy] = {} if version in FLAT else {"role": st.sampled_from(INTERFACE_ROLES)}
    own = st.fixed_dictionaries({"identifier": st.just("credentials"), "url": urls(), **kind})
    others = st.lists(
        st.fixed_dictionaries({"identifier": module, "url": urls(), **kind}),
        max_size=4,
        unique_by=lambda entry: (entry["identifier"], entry.get("role")),
    )
    endpoints = st.builds(lambda first, rest: [first, *rest], own, others)
    return st.fixed_dictionaries({"version": st.just(version), "endpoints": endpoints})


def envelopes(data: Strategy) -> Strategy:
    """A success around data, as peers write them (EN-01, EN-04)."""
    return st.fixed_dictionaries(
        {"data": data, "status_code": st.sampled_from([1000, 1000, 1001, "1000", 1999]), "timestamp": timestamps()},
        optional={"status_message": st.one_of(st.none(), names("2.2")), "comment": json_values()},
    )


# What is wrong with them


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in a JSON document: keys and indexes from its top."""

    steps: tuple[str | int, ...]

    def get(self, document: Any) -> Any:
        for step in self.steps:
            document = document[step]
        return document

    def replaced(self, document: Any, value: Any) -> Any:
        if not self.steps:
            return value
        changed = copy.deepcopy(document)
        Place(self.steps[:-1]).get(changed)[self.steps[-1]] = value
        return changed

    def removed(self, document: Any) -> Any:
        changed = copy.deepcopy(document)
        del Place(self.steps[:-1]).get(changed)[self.steps[-1]]
        return changed

    def __str__(self) -> str:
        """As the product names it: roles[0].party_id."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)
        return text.removeprefix(".")


def places(document: Any, steps: tuple[str | int, ...] = ()) -> list[Place]:
    """Every place in a document, its top first."""
    found = [Place(steps)]
    inner: Mapping[Any, Any] = (
        document if isinstance(document, dict) else dict(enumerate(document)) if isinstance(document, list) else {}
    )
    for step, value in inner.items():
        found += places(value, (*steps, step))
    return found


def _renamed(place: Place, document: Any) -> Any:
    """A key in another letter case, which is another key."""
    *parents, last = place.steps
    if not isinstance(last, str):
        return place.removed(document)
    changed = place.removed(document)
    Place(tuple(parents)).get(changed)[last.upper()] = place.get(document)
    return changed


@st.composite
def mutated(draw: Callable[[Strategy], Any], valid: Strategy) -> Any:
    """A valid document with one to three places replaced, removed, renamed, wrapped or lengthened."""
    document = draw(valid)
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        place = draw(st.sampled_from(places(document)))
        if not place.steps or draw(st.booleans()):
            document = place.replaced(document, draw(_instead(place.get(document))))
        else:
            document = draw(st.sampled_from([Place.removed, _renamed]))(place, document)
    return document


def _instead(value: Any) -> Strategy:
    """What somebody might send where value is due."""
    likely = [None, "", [], {}, 0, -1, True, "null", "x" * 300, "\x00", "\xe9", [value], {"value": value}, str(value)]
    return st.one_of(st.sampled_from(likely), json_values())
