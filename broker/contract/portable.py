"""Connections on their way in and out: ImportPeer and ExportPeers."""

import re
from typing import Final

from broker.contract.names import resource_id
from broker.contract.parties import endpoint_from_pb, endpoint_to_pb, key_from_pb, key_to_pb, party_from_pb, party_to_pb
from broker.contract.peers import care_from_pb, form_to_pb, period_to_pb, quirks_from_pb, terms_to_pb
from broker.contract.tenants import versions_from_pb
from broker.contract.values import Violations, each, enum_name
from broker.core.announcements import nameless
from broker.core.importing import Newcomer
from broker.core.model import Fingerprint, HeaderForm, Party, Terms, Token, Version
from broker.core.peer import IssuedToken, Peer
from ocpi_broker.v1 import resources_pb2
from ocpi_broker.v1.peer_service_pb2 import PortablePeer

_MOST_PARTIES: Final = 20_000
_MOST_ENDPOINTS: Final = 1000
_HASH: Final = re.compile(r"([0-9A-Za-z-]+):([^:]+):([0-9a-f]{64})")


def newcomer_from_pb(message: PortablePeer, terms: Terms | None, wrong: Violations) -> Newcomer:
    """Whatever is wrong with a field is added to wrong; then what is returned is not to be used."""
    with wrong.of("peer.peer_id"):
        resource_id(message.peer_id)
    too_many = [
        (field, most)
        for field, given, most in (
            ("peer.parties", message.parties, _MOST_PARTIES),
            ("peer.endpoints", message.endpoints, _MOST_ENDPOINTS),
        )
        if len(given) > most
    ]
    for field, most in too_many:
        wrong.add(field, f"must be at most {most}")
    if too_many:
        return Newcomer(message.peer_id, message.versions_url, Token("-"))
    version = None
    with wrong.of("peer.version"):
        version = Version(message.version) if message.version else None
    parties = each(message.parties, "peer.parties", _party, wrong)
    if len({party.key for party in parties}) < len(parties):
        wrong.add("peer.parties", "must name each party once")
    return Newcomer(
        id=message.peer_id,
        versions_url=message.versions_url,
        held=_token(message.held_token, "peer.held_token", wrong) or Token("-"),
        issued=_token(message.issued_token, "peer.issued_token", wrong) if message.issued_token else None,
        fingerprint=_fingerprint(message, wrong),
        version=version,
        endpoints=each(message.endpoints, "peer.endpoints", endpoint_from_pb, wrong),
        parties=parties,
        form_in=_form(message.auth_form_in, "peer.auth_form_in", wrong),
        form_out=_form(message.auth_form_out, "peer.auth_form_out", wrong),
        quirks=quirks_from_pb(message.quirks, wrong),
        terms=terms,
        care=care_from_pb(message, "peer", wrong),
        versions=versions_from_pb(message.versions, message.versions, "peer.versions", wrong),
        may_downgrade=message.may_downgrade,
        blocked=message.blocked,
    )


def portable_to_pb(peer: Peer) -> PortablePeer:
    """Without tokens: who may have them is for the caller to know."""
    message = PortablePeer(
        peer_id=peer.id,
        version=str(peer.version or ""),
        versions_url=peer.versions_url or "",
        endpoints=map(endpoint_to_pb, peer.endpoints),
        parties=map(_party_to_pb, peer.parties),
        auth_form_in=form_to_pb(peer.form_in),
        auth_form_out=form_to_pb(peer.form_out),
        quirks=peer.quirks.write(),
        lifecycle=f"PEER_LIFECYCLE_{peer.care.lifecycle.value}",
        rotation_period=period_to_pb(peer.care),
        renewal=f"PEER_RENEWAL_{peer.care.renewal.value}",
        versions=map(str, peer.versions),
        may_downgrade=peer.may_downgrade,
        blocked=peer.blocked,
    )
    message.terms.CopyFrom(terms_to_pb(peer.terms))
    return message


def hash_to_pb(token: IssuedToken) -> str:
    """An issued token of which there is nothing else."""
    return f"{token.lookup_id}:{token.pepper_id}:{token.digest.hex()}"


def _fingerprint(message: PortablePeer, wrong: Violations) -> Fingerprint | None:
    if not message.issued_token_hash or message.issued_token:
        return None
    match = _HASH.fullmatch(message.issued_token_hash)
    if match is None:
        wrong.add("peer.issued_token_hash", "must have the form ID:KEY:HASH, as an export has written it")
        return None
    return Fingerprint(match[1], match[2], bytes.fromhex(match[3]))


def _token(text: str, field: str, wrong: Violations) -> Token | None:
    with wrong.of(field):
        if not text:
            raise ValueError("is missing")
        return Token(text)
    return None


def _form(value: int, field: str, wrong: Violations) -> HeaderForm | None:
    with wrong.of(field):
        if value:
            return HeaderForm[enum_name(resources_pb2.HeaderForm, value, "HEADER_FORM_")]
    return None


def _party(message: resources_pb2.Party) -> Party:
    """Nobody who moves knows every name: the next exchange tells it."""
    if message.business_details.name:
        return party_from_pb(message)
    key = key_from_pb(message)
    return Party(key, nameless(key))


def _party_to_pb(party: Party) -> resources_pb2.Party:
    """A name that stands for none is not said on."""
    return key_to_pb(party.key) if party.details == nameless(party.key) else party_to_pb(party)
