"""Files of connections, JSON lines or CSV: what peer import reads and peer export writes.

Both have the same fields. In CSV a cell holds a list as words between blanks. Nothing here repeats a token: what is
wrong is named by its field.
"""

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from broker.cli import notation
from broker.cli.names import word
from broker.contract.names import resource_id
from broker.core.quirks import Quirks
from ocpi_broker.v1 import resources_pb2 as resources
from ocpi_broker.v1.peer_service_pb2 import PortablePeer

FIELDS: Final = (
    "tenant", "name", "version", "held_token", "issued_token", "issued_token_hash", "auth_form_out", "auth_form_in",
    "versions_url", "endpoints", "parties", "business_names", "terms", "quirks", "lifecycle", "rotation_period",
    "renew", "offered_versions", "may_downgrade", "blocked",
)  # fmt: skip
"""In the order in which they are written."""

_LISTS: Final = frozenset({"endpoints", "parties", "terms", "quirks", "offered_versions"})
_TEXTS: Final = frozenset(FIELDS) - _LISTS - {"business_names", "may_downgrade", "blocked"}
_NO_CSV: Final = frozenset({"business_names"})
_IN_CONTRACT: Final = {"name": "peer_id", "renew": "renewal", "offered_versions": "versions"}
"""Fields that the contract calls otherwise."""
_MOST_BYTES: Final = 4_000_000
"""Of one connection: what a broker reads in one call is hardly more."""
_NO_TEXT: Final = "is no UTF-8 text"
_COULD_BE_TOKEN: Final = 8
"""Characters. A shorter text in the wrong place may be repeated."""
_ALIKE: Final = 0.75
"""How much of a word has to be there for a slip of the pen (difflib)."""
_IS_NONE: Final = " is no"
"""Stands behind a text that is quoted: "x is not one of …", "x is no quirk; there are …"."""
_LONGEST_NAME: Final = 60
ANY_PARTY: Final = "*/*/*"
"""In terms: any party."""


@dataclass(frozen=True, slots=True)
class Line:
    """A connection of a file, or what is wrong with it. tenant is None where the file does not say."""

    number: int
    name: str | None
    tenant: str | None = None
    peer: PortablePeer | None = field(default=None, repr=False)
    reason: str = ""


def read(content: bytes) -> list[Line]:
    """Every line that is not empty. Raises ValueError if it is no such file at all."""
    text = content.decode(errors="surrogateescape").removeprefix("\ufeff")
    if not text.strip():
        return []
    if text.lstrip().startswith("{"):
        return [_json_line(number, one) for number, one in enumerate(text.split("\n"), 1) if one.strip()]
    return list(_csv_lines(text))


def field_of(path: str) -> str:
    """The field of a file in which a field of the contract stands, such as peer.parties[0].role: parties[0]."""
    named = re.fullmatch(r"(?:peer\.)?([a-z_]+)(\[\d+\])?(.*)", path)
    if named is None or path == "parent":
        return "tenant" if named else path
    first, place, below = named.groups()
    if below.startswith(".business_details"):
        return "business_names"
    return next((name for name, other in _IN_CONTRACT.items() if other == first), first) + (place or "")


def write(peers: Iterable[PortablePeer], tenant: str) -> Iterator[str]:
    """A JSON line for each."""
    for peer in peers:
        yield json.dumps(document(peer, tenant), ensure_ascii=False)


def write_csv(peers: Iterable[PortablePeer], tenant: str) -> Iterator[str]:
    """A heading and a line for each; names of companies have no place in it."""
    columns = [name for name in FIELDS if name not in _NO_CSV]
    yield _csv_row(columns)
    for peer in peers:
        written = document(peer, tenant)
        yield _csv_row([_cell(name, written.get(name)) for name in columns])


def _json_line(number: int, text: str) -> Line:
    if not _is_text(text):
        return Line(number, None, reason=_NO_TEXT)
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as err:
        what = str(err) if isinstance(err, _DoubleError) else "is not a JSON object on one line"
        return Line(number, None, reason=what)
    if not isinstance(document, dict):
        return Line(number, None, reason="is not a JSON object")
    return _line(number, document)


class _DoubleError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise _DoubleError("has a field twice")
    return dict(pairs)


def _csv_lines(text: str) -> Iterator[Line]:
    heading = text.partition("\n")[0]
    csv.field_size_limit(_MOST_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ",", strict=True)
    try:
        names = _columns(next(reader, []))
        before = reader.line_num
        for row in reader:
            number, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row):
                yield _csv_line(number, names, row)
    except csv.Error:
        raise ValueError(f"is not CSV: see line {reader.line_num}") from None


def _columns(heading: list[str]) -> list[str]:
    """Their names. What is wrong with them is wrong with every line, and said once. Raises ValueError."""
    names = [name.strip() for name in heading]
    if "name" not in names or "versions_url" not in names:
        raise ValueError("is neither JSON lines nor CSV with a heading that has name and versions_url")
    named = [name for name in names if name]
    for name in named:
        if name not in FIELDS:
            raise ValueError(f"has a column {_shown(name, FIELDS)}; there are {', '.join(FIELDS)}")
        if named.count(name) > 1:
            raise ValueError(f"has the column {name} twice")
    return names


def _csv_line(number: int, names: list[str], row: list[str]) -> Line:
    if not all(map(_is_text, row)):
        return Line(number, None, reason=_NO_TEXT)
    cells = [(name, cell.strip()) for name, cell in zip_longest(names, row[: len(names)], fillvalue="") if cell.strip()]
    if any(cell.strip() for cell in row[len(names) :]) or any(not name for name, _ in cells):
        return Line(number, None, reason="has more cells than the heading")
    return _line(number, {name: _from_cell(name, cell) for name, cell in cells})


def _from_cell(name: str, cell: str) -> Any:
    if name in _LISTS:
        return cell.split()
    if name in ("may_downgrade", "blocked") and cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    return cell


def _line(number: int, document: Mapping[str, Any]) -> Line:
    name, tenant = document.get("name"), document.get("tenant")
    shown = _name_shown(name) if isinstance(name, str) else None
    reason = _not_a_line(document)
    if reason:
        return Line(number, shown, reason=reason)
    try:
        peer = _peer(document)
    except UnicodeError:
        return Line(number, shown, tenant, reason="has characters that are none (surrogates)")
    except ValueError as err:
        return Line(number, shown, tenant, reason=str(err))
    if peer.ByteSize() > _MOST_BYTES:
        return Line(number, shown, tenant, reason=f"is larger than {_MOST_BYTES} bytes, and no connection is")
    return Line(number, shown, tenant, peer)


def _name_shown(name: str) -> str | None:
    """By which people find the line; … if it is no name and could be a token that has strayed there."""
    try:
        return resource_id(name)
    except ValueError:
        return (name if len(name) < _COULD_BE_TOKEN or " " in name.strip() else "…")[:_LONGEST_NAME] or None


def _not_a_line(document: Mapping[str, Any]) -> str:
    """What is wrong with the fields that say which one it is, or with the names of its fields."""
    for name in sorted(set(document) - set(FIELDS)):
        return f"{_shown(name, FIELDS)} is no field; there are {', '.join(FIELDS)}"
    if document.get("name") in (None, ""):
        return "name: is missing"
    return next((f"{one}: must be text" for one in ("name", "tenant") if not _is_text_or_none(document.get(one))), "")


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_text(text: str) -> bool:
    """Whether all of it could be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str, words: Iterable[str]) -> str:
    """Text that stands where one of the words should; … if it could be a token that has strayed there."""
    meant = difflib.get_close_matches(text.lower(), [word.lower() for word in words], 1, _ALIKE)
    return text if len(text) < _COULD_BE_TOKEN or (meant and len(text) <= 2 * len(meant[0])) else "…"


def _peer(document: Mapping[str, Any]) -> PortablePeer:
    """Raises ValueError naming the field."""
    texts = {name: _text(name, document.get(name)) for name in _TEXTS}
    flags = {name: _of(name, _flag, document.get(name)) for name in ("may_downgrade", "blocked")}
    parties = _each("parties", _party, document.get("parties"))
    names = _of("business_names", lambda value: _names(value, parties), document.get("business_names"))
    peer = PortablePeer(
        peer_id=texts["name"],
        version=texts["version"],
        versions_url=texts["versions_url"],
        held_token=texts["held_token"],
        issued_token=texts["issued_token"],
        issued_token_hash=texts["issued_token_hash"],
        auth_form_in=_word("auth_form_in", notation.header_form, texts),
        auth_form_out=_word("auth_form_out", notation.header_form, texts),
        endpoints=_each("endpoints", _endpoint, document.get("endpoints")),
        parties=[_named(party, names) for party in parties],
        quirks=_of("quirks", _quirks, document.get("quirks")),
        lifecycle=_word("lifecycle", notation.lifecycle, texts),
        renewal=_word("renew", notation.renewal, texts),
        rotation_period=_of("rotation_period", notation.rotation_period, texts["rotation_period"] or "tenant"),
        versions=_each("offered_versions", _plain, document.get("offered_versions")),
        **flags,
    )
    allowed = _each("terms", _expected, document.get("terms"))
    if allowed:
        named = [one for one in allowed if one != ANY_PARTY]
        peer.terms.CopyFrom(notation.terms(named, any_party=ANY_PARTY in allowed, versions_url=None))
    return peer


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name}: must be text")  # noqa: TRY004  each reader says ValueError
    return value


def _word(name: str, read_word: Callable[[str], str], texts: Mapping[str, str]) -> Any:
    """The contract's name of an enum value; None where nothing is given."""
    return _of(name, read_word, texts[name]) if texts[name] else None


def _of(name: str, read_value: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read_value(value)
    except UnicodeError:
        raise
    except ValueError as err:
        raise ValueError(f"{name}: {_without_token(str(err))}") from None


def _without_token(reason: str) -> str:
    """A reason may begin with what was given, and name what it could have been."""
    given, none, words = reason.rpartition(_IS_NONE)
    return f"{_shown(given, re.findall(r'[A-Za-z_]+', words))}{none}{words}" if none else reason


def _each(name: str, read_one: Callable[[Any], Any], values: Any) -> list[Any]:
    if values is None:
        return []
    if not isinstance(values, list):
        raise ValueError(f"{name}: must be a list")  # noqa: TRY004  as above
    return [_of(f"{name}[{index}]", read_one, value) for index, value in enumerate(values)]


def _flag(value: Any) -> bool:
    if value not in (None, True, False):
        raise ValueError("must be true or false")
    return bool(value)


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004  as above
    return value


def _party(value: Any) -> resources.Party:
    return notation.party(_plain(value))


def _expected(value: Any) -> resources.Party | str:
    return notation.expected_party(_plain(value))


def _endpoint(value: Any) -> resources.Endpoint:
    """An object, or module/ROLE=URL."""
    if isinstance(value, str):
        key, equals, url = value.partition("=")
        module, _, role = key.partition("/")
        if not equals:
            raise ValueError("must be written like locations/SENDER=https://api.example.com/locations")
        return resources.Endpoint(module=module, interface_role=notation.interface_role(role or None), url=url)
    if not isinstance(value, dict) or not set(value) <= {"module", "role", "url"}:
        raise ValueError("must have module, role and url")
    module, role, url = (_text(name, value.get(name)) for name in ("module", "role", "url"))
    return resources.Endpoint(module=module, interface_role=notation.interface_role(role or None), url=url)


def _quirks(value: Any) -> dict[str, str]:
    """An object of names and values, or a list of NAME=VALUE."""
    if value is None:
        return {}
    if isinstance(value, list):
        return dict(notation.quirk(_plain(one)) for one in value)
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("must be names and values as text")
    Quirks.read(value)
    return value


def _names(value: Any, parties: Iterable[resources.Party]) -> dict[str, str]:
    """By party. One of a party that is not there is a slip of the pen."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("must be parties and the names of their companies")
    if not set(value) <= set(map(notation.party_text, parties)):
        raise ValueError("must be of parties that stand in parties, in the same letters")
    return value


def _named(party: resources.Party, names: Mapping[str, str]) -> resources.Party:
    name = names.get(notation.party_text(party))
    if name:
        party.business_details.name = name
    return party


def document(peer: PortablePeer, tenant: str) -> dict[str, Any]:
    """What is not set is left out."""
    listed = [{"module": one.module, "role": _role(one), "url": one.url} for one in peer.endpoints]
    fields: dict[str, Any] = {
        "tenant": tenant,
        "name": peer.peer_id,
        "version": peer.version,
        "held_token": peer.held_token,
        "issued_token": peer.issued_token,
        "issued_token_hash": peer.issued_token_hash,
        "auth_form_out": _lower(word(resources.HeaderForm, peer.auth_form_out, "HEADER_FORM_")),
        "auth_form_in": _lower(word(resources.HeaderForm, peer.auth_form_in, "HEADER_FORM_")),
        "versions_url": peer.versions_url,
        "endpoints": listed,
        "parties": [notation.party_text(party) for party in peer.parties],
        "business_names": {
            notation.party_text(party): party.business_details.name
            for party in peer.parties
            if party.business_details.name
        },
        "terms": _terms(peer.terms),
        "quirks": dict(sorted(peer.quirks.items())),
        "lifecycle": _lower(word(resources.PeerLifecycle, peer.lifecycle, "PEER_LIFECYCLE_")),
        "rotation_period": notation.rotation_text(peer.rotation_period if peer.HasField("rotation_period") else None),
        "renew": _lower(word(resources.PeerRenewal, peer.renewal, "PEER_RENEWAL_")),
        "offered_versions": list(peer.versions),
        "may_downgrade": peer.may_downgrade,
        "blocked": peer.blocked,
    }
    return {name: value for name, value in fields.items() if value}


def _terms(terms: resources.InvitationTerms) -> list[str]:
    named = [*(notation.party_text(party) for party in terms.parties), *terms.patterns]
    return [*named, ANY_PARTY] if terms.any_party else named


def _role(endpoint: resources.Endpoint) -> str | None:
    return word(resources.InterfaceRole, endpoint.interface_role, "INTERFACE_ROLE_")


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "endpoints":
        return " ".join(f"{one['module']}{'/' + one['role'] if one['role'] else ''}={one['url']}" for one in value)
    if name == "quirks":
        return " ".join(f"{quirk}={setting}" for quirk, setting in value.items())
    if isinstance(value, list):
        return " ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _csv_row(cells: list[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()
