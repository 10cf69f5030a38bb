"""One attempt at a job: what it knows and what is on record of it."""

from dataclasses import dataclass, field, replace

from broker.core.exchange import Exchange, ExchangeKind, Step
from broker.core.job import Job
from broker.core.model import HeaderForm, Tenant, Token
from broker.core.peer import Peer, offered
from broker.core.sender import Plan
from broker.exchanges.situation import registration_of


class LeaseLostError(Exception):
    """Somebody else has the job, or there is none any more."""


@dataclass(slots=True)
class Attempt:
    """What belongs to one attempt. exchange is what is on record of it."""

    tenant: Tenant
    peer: Peer
    job: Job
    lease: str
    exchange: Exchange
    form: HeaderForm
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    noted: int = 0
    """How many of the steps are on record."""
    offering: bool = False
    """Whether this attempt has offered the token that the job now holds."""
    quirk: str | None = None
    """The setting that names what was found out about the peer."""
    was_encoded: bool = False
    """Whether the peer has taken its invitation as it is although that is Base64 of another token."""
    token: Token | None = field(default=None, repr=False)
    """The one that has worked in this attempt, where it is not the one that services get."""
    doubtful: bool = False
    """Whether a request of this attempt may have been carried out without our knowing what came of it."""

    @property
    def record(self) -> Exchange:
        return replace(self.exchange, steps=tuple(self.steps), warnings=tuple(self.warnings))

    @property
    def versions_url(self) -> str:
        return versions_url(self.peer, self.job)


def plan_of(tenant: Tenant, peer: Peer, job: Job, access: Token) -> Plan:
    """What the core wants to know. A registration begins where we were told, whatever may stand already."""
    anew = begins_anew(job)
    return Plan(
        kind=job.kind,
        versions_url=versions_url(peer, job),
        access=access,
        offers=frozenset(offered(tenant, peer)),
        version=job.version,
        registration=None if anew else registration_of(peer),
        current=None if anew else peer.version,
        endpoints=() if anew else peer.endpoints,
        sent=job.sent_version,
        terms=peer.terms,
        ours=frozenset(party.key for party in tenant.parties),
        required=tenant.policy.required_modules,
        quirks=peer.quirks,
        patient=job.scheduled,
    )


def begins_anew(job: Job) -> bool:
    """Whether it is about a registration that is not there yet."""
    return job.kind is ExchangeKind.POST and not job.confirming


def versions_url(peer: Peer, job: Job) -> str:
    """Where the peer's version list is."""
    return (job.versions_url if begins_anew(job) else peer.versions_url) or ""
