"""The run of the checker: its platform listens, its client calls, and both end with it."""

import logging

import httpx
import uvicorn

from broker.cli.failures import CommandError, in_words
from broker.cli.output import note
from broker.core.hosts import is_loopback
from broker.process.address import Address
from broker.tools.conformance.dialogue import Dialogue
from broker.tools.conformance.editions import EDITIONS
from broker.tools.conformance.objects import Party
from broker.tools.conformance.platform import Platform
from broker.tools.conformance.report import Report
from broker.tools.conformance.run import NoConnectionError, connect, run
from broker.tools.conformance.secrecy import Secrets
from gateway.server import bind, serving

_TIMEOUT = 60


async def check(
    versions_url: str, token: str, version: str, party: Party, listen: Address, callback_url: str, *, allow_remote: bool
) -> Report:
    """What is found about the platform. Raises CommandError if its version list cannot be read."""
    platform = Platform(callback_url.rstrip("/"), next(iter(EDITIONS.values())))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # whoever calls with TLS is a check, not news
    config = uvicorn.Config(platform, log_config=None, access_log=False, ws="none", lifespan="off")
    try:
        listener = bind(listen.host, listen.port)
    except OSError as err:
        raise CommandError(f"cannot listen on {listen}: {in_words(err)}") from None
    async with serving(config, listener) as address, httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
        platform.base = platform.base or f"http://{Address.parse(address).reachable}"
        note(f"listening for calls at {platform.base}")
        dialogue = Dialogue(client, platform, Secrets(), lambda url: allow_remote or is_local(url))
        try:
            connection = await connect(dialogue, versions_url, token, [party], version)
            return Report(connection, await run(connection))
        except NoConnectionError as err:
            raise CommandError(dialogue.secrets.mask(str(err))) from None


def is_local(url: str) -> bool:
    try:
        return is_loopback(httpx.URL(url).host)
    except httpx.InvalidURL:
        return False
