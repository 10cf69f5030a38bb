"""A connection that is to be taken over, tried with two GETs: they change nothing at the peer."""

import asyncio
from dataclasses import dataclass, replace
from uuid import uuid4

from broker.core.importing import Newcomer, unlisted
from broker.core.model import HeaderForm, Tenant, Version
from broker.errors import PeerRejectedTokenError, PeerUnusableError, PeerVersionUnsupportedError
from broker.ocpi import DIALECTS
from broker.outbound.discovery import HttpPeers, Tolerances
from broker.outbound.http_call import CallbackError
from broker.outbound.token_trials import Subject, TokenTrials

_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Checked:
    """The newcomer with what was found out, and what is not as it was said to be."""

    newcomer: Newcomer
    warnings: tuple[str, ...]


class ConnectionCheck:
    """Asks peers with the token that we are to hold."""

    def __init__(self, http: HttpPeers) -> None:
        self._http = http

    async def look(self, tenant: Tenant, new: Newcomer) -> Checked:
        """Raises PeerRejectedTokenError, PeerVersionUnsupportedError or PeerUnusableError."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._look(tenant, new)
        except TimeoutError:
            raise PeerUnusableError(f"the peer's answers took more than {_SECONDS:g} seconds in all") from None
        except CallbackError as err:
            if err.unauthorized:
                raise PeerRejectedTokenError(f"held_token: {err.explained}") from None
            raise PeerUnusableError(err.explained) from None

    async def _look(self, tenant: Tenant, new: Newcomer) -> Checked:
        correlation_id = str(uuid4())
        guess = new.form_out or (DIALECTS[str(new.version)].header if new.version else HeaderForm.BASE64)
        subject = Subject(new.versions_url, guess, Tolerances(new.quirks, strict=tenant.policy.strict))
        trial = await TokenTrials(self._http).taken(subject, new.held, correlation_id)
        if trial.error is not None:
            raise trial.error
        urls = dict(trial.listed)
        version = _chosen(tenant, new, frozenset(urls))
        details = await self._http.details(
            urls[version],
            new.held,
            trial.form,
            subject.admitted,
            dialect=DIALECTS[str(version)],
            versions_url=new.versions_url,
            correlation_id=correlation_id,
        )
        warnings = [*trial.warnings, *details.warnings]
        strange = unlisted(new.endpoints, details.value)
        if strange:
            warnings.append(f"endpoints: the peer's details do not list {', '.join(strange)} as given")
        if new.form_out not in (None, details.form):
            warnings.append(f"auth_form_out: the peer takes {details.form.value}, which is used")
        found = replace(new, version=version, form_out=details.form, endpoints=new.endpoints or details.value)
        return Checked(found, tuple(warnings))


def _chosen(tenant: Tenant, new: Newcomer, listed: frozenset[Version]) -> Version:
    """The version in use, or the newest that both sides have."""
    ours = frozenset(new.versions or tenant.versions)
    wanted = {new.version} if new.version else ours
    if not wanted & listed:
        names = ", ".join(map(str, sorted(listed)[-10:])) or "nothing"
        which = f"{new.version}" if new.version else "any version of ours"
        raise PeerVersionUnsupportedError(f"version: the peer does not list {which}; it lists {names}")
    return max(version for version in wanted & listed if version is not None)
