"""The roles of a credentials object from 2.2 on: each names a party and says who it is (CO-09 to CO-14)."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from broker.core.model import AnnouncedParty, Party, Role, Style
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import Notes, as_country_code, as_list, as_object, as_party_id, below

MAX_ROLES = 20_000

ReadRole: TypeAlias = Callable[[object, str, Notes], Role]


def read_roles(value: object, read_role: ReadRole, decoration: Decoration, notes: Notes) -> tuple[AnnouncedParty, ...]:
    """Raises Malformed unless there is at least one role, and none twice (CO-30)."""
    entries = as_list(value, "roles", most=MAX_ROLES)
    if not entries:
        raise Malformed("roles", "at least one role is needed")
    paths = (f"roles[{index}]" for index in range(len(entries)))
    parties = tuple(
        _read(entry, path, read_role, decoration, notes) for entry, path in zip(entries, paths, strict=True)
    )
    _require_distinct(entries, parties)
    unique = {(party.country_code, party.party_id, party.role): party for party in reversed(parties)}
    return tuple(reversed(unique.values()))


def write_role(party: Party, decoration: Decoration, style: Style) -> Json:
    return {
        "role": party.key.role.value,
        "business_details": decoration.write(party.details, style),
        "party_id": party.key.party_id,
        "country_code": party.key.country_code,
    }


def _read(value: object, path: str, read_role: ReadRole, decoration: Decoration, notes: Notes) -> AnnouncedParty:
    body = as_object(value, path)
    role = read_role(body.get("role"), below(path, "role"), notes)
    country_code = as_country_code(body.get("country_code"), below(path, "country_code"), notes)
    party_id = as_party_id(body.get("party_id"), below(path, "party_id"))
    details = decoration.read(body.get("business_details"), below(path, "business_details"), notes)
    return AnnouncedParty(path, details, country_code, party_id, role)


def _require_distinct(entries: Iterable[object], parties: Iterable[AnnouncedParty]) -> None:
    """As they are written: roles that a version does not have are different although they count as one (A22)."""
    seen: set[tuple[str | None, str | None, object]] = set()
    for entry, party in zip(entries, parties, strict=True):
        key = (party.country_code, party.party_id, as_object(entry, party.path).get("role"))
        if key in seen:
            raise Malformed(party.path, "names the same party in the same role again")
        seen.add(key)
