"""What an exchange stands on: the stored peer and the token that was shown, as core wants to see them."""

from dataclasses import dataclass, replace

from broker.core.model import Credentials, HeaderForm, Registration, RolePolicy, Tenant, Token
from broker.core.peer import HeldToken, IssuedToken, Peer, PeerState, usable
from broker.core.receiver import Deleted, Posted, Put, Rules, Standing
from broker.core.screening import Screening
from broker.ocpi import DIALECTS


@dataclass(frozen=True, slots=True)
class Situation:
    """What an exchange stands on, read anew each time."""

    peer: Peer
    token: IssuedToken
    screened: Screening

    @property
    def is_repeat(self) -> bool:
        """Whether the token shown was replaced: the answer to an exchange may have been lost (F3, F4)."""
        return self.token.is_of_a_repeat


def overtaken(event: Posted | Put | Deleted, seen: Peer, found: Peer) -> Posted | Put | Deleted:
    """An exchange committed since this one was let in makes it a duplicate, whatever the clocks say (F5)."""
    if isinstance(event, Deleted) or found.answered_at == seen.answered_at:
        return event
    return replace(event, arrived=min(event.arrived, found.answered_at))


def standing(tenant: Tenant, peer: Peer, token: IssuedToken) -> Standing:
    """Without the parties that others hold: which to look for follows from this and the event."""
    return Standing(
        terms=peer.terms,
        presented=token.presented,
        registration=registration_of(peer),
        answered_at=peer.answered_at,
        newest_version=peer.newest_version,
        waiting=frozenset(party.key for party in peer.announced),
        rules=_rules(tenant, peer),
    )


def _rules(tenant: Tenant, peer: Peer) -> Rules:
    policy = tenant.policy
    return Rules(
        ours=frozenset(party.key for party in tenant.parties),
        required=policy.required_modules,
        versions=frozenset(usable(tenant, peer)),
        may_downgrade=policy.may_downgrade or peer.may_downgrade,
        exact=policy.role_policy is RolePolicy.EXACT,
        approval=policy.role_policy is RolePolicy.MANUAL,
        strict=policy.strict,
        quirks=peer.quirks,
    )


def registration_of(peer: Peer) -> Registration | None:
    """What the core compares a new exchange with; the held token is not needed for that."""
    if peer.state is not PeerState.REGISTERED or peer.quarantined or peer.version is None or peer.versions_url is None:
        return None
    theirs = Credentials(Token("-"), peer.versions_url, peer.parties)
    return Registration(peer.version, theirs, peer.endpoints)


def form_shown(peer: Peer) -> HeaderForm:
    """In which services show our token to a registered peer."""
    return form_of(peer, peer.held)


def form_of(peer: Peer, token: HeldToken | None) -> HeaderForm:
    """In which a token is shown to a registered peer: as an operator has set it, or as the peer took it last."""
    return peer.quirks.auth_form_out or (token.form if token else None) or DIALECTS[str(peer.version)].header
