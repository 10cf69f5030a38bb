"""The objects that the checker sends, in the JSON of each version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from broker.tools.conformance.editions import Edition


@dataclass(frozen=True, slots=True)
class Party:
    """Who the checker says it is."""

    country_code: str = "DE"
    party_id: str = "OCB"
    role: str = "EMSP"
    name: str = "ocpi-broker conformance"

    def __str__(self) -> str:
        return f"{self.country_code}/{self.party_id}/{self.role}"

    @property
    def ids(self) -> tuple[str, str]:
        """Without role, in upper case."""
        return self.country_code.upper(), self.party_id.upper()


def credentials(edition: Edition, token: str, url: str, parties: Sequence[Party]) -> dict[str, Any]:
    """The credentials object; before 2.2 it holds the first party alone."""
    head = {"token": token, "url": url}
    if edition.roles:
        return {**head, "roles": [role(party) for party in parties]}
    party = parties[0]
    return {
        **head,
        "business_details": {"name": party.name},
        "party_id": party.party_id,
        "country_code": party.country_code,
    }


def role(party: Party, **changes: Any) -> dict[str, Any]:
    """An entry of roles."""
    return {
        "role": party.role,
        "business_details": {"name": party.name},
        "party_id": party.party_id,
        "country_code": party.country_code,
        **changes,
    }


def changed(edition: Edition, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The object with other fields of its party: of its first role, or of itself before 2.2. ... leaves one out."""
    if edition.roles:
        first, *others = body["roles"]
        return {**body, "roles": [without_dots({**first, **changes}), *others]}
    return without_dots({**body, **changes})


def without_dots(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not ...}
