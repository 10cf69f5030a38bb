"""What a channel needs beside its target: the service key, trust in the broker's certificate, and its options."""

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from ocpi_broker.client.targets import is_loopback

File: TypeAlias = str | os.PathLike[str]
Option: TypeAlias = tuple[str, Any]
Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

SERVICE_CONFIG = resources.files("ocpi_broker.client").joinpath("service_config.json").read_text("utf-8")
"""How calls are balanced, repeated and kept away from brokers that do not serve (JSON, as gRPC defines it)."""

_OPTIONS: tuple[Option, ...] = (
    ("grpc.enable_http_proxy", 0),  # the key goes to the broker, never through a proxy from the environment
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 60_000),  # as the broker does; more often than every 20 s it would hang up
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
)


def options(more: Sequence[Option]) -> list[Option]:
    """Those of every channel. What a service gives itself counts instead."""
    given = {name for name, _ in more}
    return [option for option in _OPTIONS if option[0] not in given] + list(more)


def trust(target: str, ca_file: File | None) -> grpc.ChannelCredentials | None:
    """None stands for clear text, on this machine. Raises ValueError for another without ca_file; OSError."""
    if ca_file is not None:
        return grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
    if not is_loopback(target):
        raise ValueError(
            f"{target} is not on this machine, and the service key must not travel in clear text: "
            "give ca_file, the authority (PEM) of the broker's certificate"
        )
    return None


def authorization(key_file: File) -> Metadata:
    """The metadata of every call. Raises OSError, or ValueError if the file holds no key."""
    try:
        key = Path(key_file).read_text("ascii").strip()
    except UnicodeDecodeError:
        key = ""  # not chained: the error would show what the file holds
    if not key or not all("!" <= char <= "~" for char in key):
        raise ValueError(f"{os.fspath(key_file)} does not hold a service key and nothing else")
    return (("authorization", f"Bearer {key}"),)
