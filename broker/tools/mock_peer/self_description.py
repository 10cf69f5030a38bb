"""What a mock peer says of itself, with the faults that change it: version list, details, credentials object."""

from collections.abc import Callable
from typing import Final

from broker.core.model import Credentials, Endpoint, Style, Token, Version
from broker.ocpi import DIALECTS, versions
from broker.ocpi.dialect import Json
from broker.tools.mock_peer.faults import Fault
from broker.tools.mock_peer.state import Identity

Strike = Callable[[str], Fault | None]
"""Whether a fault of this name strikes here and now."""

FOREIGN_HOST: Final = "http://another-host.invalid"
LONG_TOKEN: Final = 70

_OTHER_VERSION: Final = "9.9"
_PARTY_FIELDS: Final = ("roles", "hub_party_id", "business_details", "party_id", "country_code")
_IDS: Final = ("party_id", "country_code", "hub_party_id")


def version_list(identity: Identity, concerned: Version | None, strike: Strike) -> object:
    """Concerned is the version that is registered or being registered."""
    listed = list(identity.versions)
    if strike("missing-version"):
        listed.remove(concerned if concerned in listed else listed[-1])
    data = versions.write_versions((version, identity.details_url(version)) for version in listed)
    return {"versions": data} if strike("wrapped-versions") else data


def details(identity: Identity, version: Version, strike: Strike) -> object:
    endpoints = identity.endpoints(version)
    if fault := strike("missing-module"):
        endpoints = [endpoint for endpoint in endpoints if endpoint.module != fault.argument]
    if strike("foreign-endpoint"):
        endpoints = [_abroad(endpoint, identity.base) for endpoint in endpoints]
    data = DIALECTS[version.text].write_details(version, endpoints)
    if strike("wrong-version-in-details"):
        data["version"] = _OTHER_VERSION
    return [data] if strike("details-in-list") else data


def credentials(identity: Identity, version: Version, token: Token, strike: Strike) -> Json:
    own = Credentials(token, identity.versions_url, identity.parties)
    data = DIALECTS[version.text].write_credentials(own, Style())
    if strike("lowercase-ids"):
        _lower(data)
        for role in data.get("roles", []):
            _lower(role)
    if strike("no-parties"):
        _drop(data, _PARTY_FIELDS)
    if strike("url-is-details"):
        data["url"] = identity.details_url(version)
    return data


def answered_credentials(identity: Identity, version: Version, token: Token, theirs: Json, strike: Strike) -> Json:
    """The same as the answer to a POST or PUT whose body was theirs."""
    data = credentials(identity, version, token, strike)
    if strike("echo-roles"):
        _drop(data, _PARTY_FIELDS)
        data |= {name: theirs[name] for name in _PARTY_FIELDS if name in theirs}
    if strike("no-token"):
        _drop(data, ("token",))
    if strike("space-token"):
        data["token"] = f"{token.reveal()[:8]} {token.reveal()[8:]}"
    return data


def issued_token(minted: Token, sent: Token, strike: Strike) -> Token:
    """The token to be issued."""
    if strike("same-token"):
        return sent
    if strike("long-token"):
        return Token(minted.reveal().ljust(LONG_TOKEN, "x"))
    return minted


def _abroad(endpoint: Endpoint, base: str) -> Endpoint:
    return Endpoint(endpoint.module, endpoint.role, endpoint.url.replace(base, FOREIGN_HOST, 1))


def _lower(body: Json) -> None:
    for name in _IDS:
        if isinstance(body.get(name), str):
            body[name] = body[name].lower()


def _drop(body: Json, names: tuple[str, ...]) -> None:
    for name in names:
        body.pop(name, None)
