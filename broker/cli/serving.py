"""How a command runs servers: in a loop of its own, until a signal, and what it says if they cannot start."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import structlog

from broker import logs
from broker.cli.connection import read_value
from broker.cli.database import refused
from broker.cli.failures import CommandError, in_words
from broker.cli.output import note
from broker.crypto.keys import KeyFileError
from broker.errors import BrokerError
from broker.process.address import Address
from broker.process.signals import until_signalled
from gateway.config import GatewaySettings

try:
    import uvloop
except ImportError:  # not there on every platform
    _new_loop = None
else:
    _new_loop = uvloop.new_event_loop

WARNING = """\
*******************************************************************************
*  WARNING: insecure peers are allowed. Plain http and addresses of
*  {networks} are called, and tokens travel in the clear.
*  This is for trials, never for production.
*******************************************************************************"""
SENTENCE = "WARNING: insecure peers are allowed: tokens travel in the clear. For trials, never for production."

_log = structlog.get_logger("broker")

Result = TypeVar("Result")
Serving = TypeVar("Serving")


def gateway_settings(
    http: Address, broker: str, key_file: Path, ca_file: Path | None = None, trusted_proxies: str = ""
) -> GatewaySettings:
    """What the command line says, as the gateway wants it. Raises CommandError."""
    key = read_value(key_file, "it holds the gateway's service key")
    try:
        return GatewaySettings(http.host, http.port, broker, key, ca_file, trusted_proxies)
    except ValueError as err:
        raise CommandError(str(err), 2) from None


def warn(insecure: frozenset[str], log_level: str) -> None:
    """For people loud enough not to be overlooked among the log lines; for whoever collects these, one of them."""
    if sys.stderr.isatty():
        networks = "this machine and of private networks" if "private" in insecure else "this machine"
        for line in WARNING.format(networks=networks).splitlines():
            note(line)
    else:
        logs.take_over(log_level)
        _log.warning("insecure_peers_allowed", networks=sorted(insecure), message=SENTENCE)


def serve(servers: AbstractAsyncContextManager[Serving], ready: Callable[[Serving], Awaitable[None]]) -> None:
    """Run servers until SIGTERM or SIGINT. A second signal does not wait for what is under way."""
    run(until_signalled(servers, ready))


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in a loop of its own, on uvloop where there is one.

    Raises CommandError or NotReadyError if it cannot start.
    """
    os.umask(0o077)  # whatever a process of ours writes is its owner's
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(main)
    except BrokerError as err:
        raise refused(err) from None
    except KeyFileError as err:
        raise CommandError(str(err)) from None
    except OSError as err:
        raise CommandError(f"{err.filename}: {in_words(err)}" if err.filename else str(err)) from None
