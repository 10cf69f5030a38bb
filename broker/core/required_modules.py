"""Which modules a peer must serve before we connect: credentials, and what the tenant requires (RR-10, VD-05)."""

from collections.abc import Iterable, Sequence

from broker.core.model import Endpoint, PartyKey, RequiredModule

CREDENTIALS = "credentials"
"""The one module that every version's details must list (VD-05); its interface role means nothing (VD-07)."""


def credentials_url(endpoints: Iterable[Endpoint]) -> str | None:
    """There is one in all details that were read (VD-05), but not in every peer that was imported."""
    return next((endpoint.url for endpoint in endpoints if endpoint.module == CREDENTIALS), None)


def missing_modules(
    required: Iterable[RequiredModule], announced: Iterable[PartyKey], endpoints: Sequence[Endpoint]
) -> list[str]:
    """The modules that the details lack, each once, as module or module/ROLE (RR-10, A32)."""
    roles = {key.role for key in announced}
    wanted = [RequiredModule(CREDENTIALS), *(rule for rule in required if rule.peer_role in roles | {None})]
    names = [_name(rule) for rule in wanted if not any(_serves(endpoint, rule) for endpoint in endpoints)]
    return list(dict.fromkeys(names))


def _serves(endpoint: Endpoint, rule: RequiredModule) -> bool:
    return endpoint.module == rule.module and (rule.role is None or endpoint.role is None or endpoint.role is rule.role)


def _name(rule: RequiredModule) -> str:
    return f"{rule.module}/{rule.role.value}" if rule.role else rule.module
