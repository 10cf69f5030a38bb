"""Nested values as JSON text: the one place where the model meets what a column holds."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from broker.core.model import (
    BusinessDetails,
    Endpoint,
    Image,
    InterfaceRole,
    Party,
    PartyKey,
    PartyPattern,
    Policy,
    RequiredModule,
    Role,
    RolePolicy,
    Terms,
    Version,
)
from broker.core.peer import Notice
from broker.core.quirks import Quirks


def write_details(details: BusinessDetails) -> str:
    return _dump(asdict(details))


def read_details(text: str) -> BusinessDetails:
    fields = json.loads(text)
    logo = fields.pop("logo", None)
    return BusinessDetails(**fields, logo=Image(**logo) if logo else None)


def write_parties(parties: Iterable[Party]) -> str:
    return _dump([{"key": str(party.key), "details": write_details(party.details)} for party in parties])


def read_parties(text: str) -> tuple[Party, ...]:
    return tuple(Party(read_key(item["key"]), read_details(item["details"])) for item in json.loads(text))


def read_key(text: str) -> PartyKey:
    country_code, party_id, role = text.split("/")
    return PartyKey(country_code, party_id, Role(role))


def write_endpoints(endpoints: Iterable[tuple[Version, Endpoint]]) -> str:
    return _dump([[str(version), item.module, _name(item.role), item.url] for version, item in endpoints])


def read_endpoints(text: str) -> tuple[tuple[Version, Endpoint], ...]:
    return tuple(
        (Version(version), Endpoint(module, interface_role(role), url))
        for version, module, role, url in json.loads(text)
    )


def write_versions(versions: Iterable[Version]) -> str:
    return _dump([str(version) for version in versions])


def read_versions(text: str) -> tuple[Version, ...]:
    return tuple(Version(item) for item in json.loads(text))


def write_requested(keys: Iterable[PartyKey], announced: Iterable[Party] = ()) -> str:
    """Parties that wait for approval; those announced come with who they are."""
    named = {party.key: {"key": str(party.key), "details": write_details(party.details)} for party in announced}
    return _dump([named.get(key, str(key)) for key in sorted({*keys, *named}, key=str)])


def read_requested(text: str) -> tuple[tuple[PartyKey, ...], tuple[Party, ...]]:
    """All of them, and those that were announced."""
    entries = json.loads(text)
    announced = [Party(read_key(one["key"]), read_details(one["details"])) for one in entries if isinstance(one, dict)]
    keys = (read_key(one["key"] if isinstance(one, dict) else one) for one in entries)
    return tuple(keys), tuple(announced)


def write_notices(notices: Iterable[Notice]) -> str:
    return _dump([[one.id, one.message, one.at] for one in notices])


def read_notices(text: str) -> tuple[Notice, ...]:
    return tuple(Notice(*one) for one in json.loads(text))


def write_quirks(quirks: Quirks) -> str:
    return _dump(quirks.write())


def read_quirks(text: str) -> Quirks:
    return Quirks.stored(json.loads(text))


def write_terms(terms: Terms) -> str:
    return _dump(
        {
            "parties": sorted(map(str, terms.parties)),
            "any_party": terms.any_party,
            "versions_url": terms.versions_url,
            "patterns": sorted(map(str, terms.patterns)),
        }
    )


def read_terms(text: str) -> Terms:
    fields = json.loads(text)
    patterns = frozenset(map(PartyPattern.parse, fields.get("patterns", ())))
    return Terms(frozenset(map(read_key, fields["parties"])), fields["any_party"], fields["versions_url"], patterns)


def write_policy(policy: Policy) -> str:
    required = [[rule.module, _name(rule.role), _name(rule.peer_role)] for rule in policy.required_modules]
    return _dump(
        {
            "invitation_expiry": policy.invitation_expiry,
            "post_retry_window": policy.post_retry_window,
            "put_retry_window": policy.put_retry_window,
            "required_modules": required,
            "role_policy": policy.role_policy.value,
            "may_downgrade": policy.may_downgrade,
            "strict": policy.strict,
            "rotation_period": policy.rotation_period,
            "probe_interval": policy.probe_interval,
        }
    )


def read_policy(text: str) -> Policy:
    fields = json.loads(text)
    required = tuple(
        RequiredModule(module, interface_role(role), Role(peer_role) if peer_role else None)
        for module, role, peer_role in fields.pop("required_modules")
    )
    role_policy = RolePolicy(fields.pop("role_policy", Policy().role_policy.value))
    return Policy(**fields, required_modules=required, role_policy=role_policy)


def interface_role(text: str | None) -> InterfaceRole | None:
    return InterfaceRole(text) if text else None


def _name(role: Role | InterfaceRole | None) -> str | None:
    return role.value if role else None


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
