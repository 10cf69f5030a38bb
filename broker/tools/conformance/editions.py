"""The versions of OCPI that are checked, each as what is different in it."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of OCPI.

    encoded: the Authorization header carries the token in Base64 (AU-04).
    roles: parties stand in a list and endpoints have an interface role; else there is one flat party.
    ids: requests and answers carry message ids.
    hub_field: a hub is named by hub_party_id instead of by a role.
    null_data: DELETE is answered with data null (UN-03).
    """

    version: str
    modules: frozenset[str]
    role_names: frozenset[str] = frozenset()
    encoded: bool = False
    roles: bool = False
    ids: bool = False
    hub_field: bool = False
    null_data: bool = False
    wrapped: bool = False
    """Version details may stand in an array of one (EN-03)."""

    @property
    def number(self) -> tuple[int, ...]:
        return number(self.version)

    def authorization(self, token: str) -> str:
        """The value of the header in this version's form."""
        return encoded(token) if self.encoded else raw(token)


def encoded(token: str) -> str:
    return f"Token {base64.b64encode(token.encode()).decode()}"


def raw(token: str) -> str:
    return f"Token {token}"


def number(version: str) -> tuple[int, ...]:
    """For comparing: 2.10 is newer than 2.9 (VL-12)."""
    return tuple(int(part) for part in version.split("."))


_MODULES = frozenset({"cdrs", "credentials", "locations", "sessions", "tariffs", "tokens"})
_ROLES = frozenset({"CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"})
_MORE = frozenset({"invoicereconciliation", "payments", "Booking"})

_2_0 = Edition("2.0", _MODULES, null_data=True, wrapped=True)
_2_1_1 = replace(_2_0, version="2.1.1", modules=_MODULES | {"commands"}, null_data=False, wrapped=False)
_2_2 = replace(
    _2_1_1,
    version="2.2",
    modules=_2_1_1.modules | {"chargingprofiles", "hubclientinfo"},
    role_names=_ROLES,
    encoded=True,
    roles=True,
    ids=True,
)
_2_2_1 = replace(_2_2, version="2.2.1")
_2_3_0 = replace(_2_2_1, version="2.3.0", modules=_2_2_1.modules | _MORE, role_names=_ROLES - {"HUB"}, hub_field=True)


def _by_version(editions: Iterable[Edition]) -> Mapping[str, Edition]:
    return MappingProxyType({edition.version: edition for edition in editions})


EDITIONS = _by_version([_2_0, _2_1_1, _2_2, _2_2_1, _2_3_0])
"""Oldest first."""
