"""Peers, tokens and jobs to judge."""

from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.model import BusinessDetails, Party, PartyKey, Role, Terms
from broker.core.peer import IssuedToken, Peer, PeerState, Purpose, TokenState

INVITATION, MAIN = Purpose.INVITATION, Purpose.MAIN
ACTIVE, RETIRING, RESENT, REVOKED = TokenState.ACTIVE, TokenState.RETIRING, TokenState.RESENT, TokenState.REVOKED
PROVISIONAL = TokenState.PROVISIONAL
NOW, LIMIT, WINDOW = 5_000, 9_000, 1_000
A, B, C = "AAAAAAAAAAAA", "BBBBBBBBBBBB", "CCCCCCCCCCCC"

KWL = PartyKey("DE", "KWL", Role.CPO)
KNOWN = (Party(KWL, BusinessDetails("Kabelwerk")),)


def token(lookup="AAAAAAAAAAAA", purpose=MAIN, state=ACTIVE, **facts):
    return IssuedToken(lookup, "p1", b"the keyed hash", purpose, state, 1_000, **facts)


def peer(*issued, state=PeerState.REGISTERED, blocked=False, parties=KNOWN, **facts):
    return Peer(
        "uid-1", "acme", "kwl", state, blocked, Terms(), 3, 1_000, 2_000, issued=issued, parties=parties, **facts
    )


def job(kind=ExchangeKind.PUT, state=JobState.WAITING, **facts):
    return Job(kind, state, 1_000, 2_000, **facts)
