"""What a channel of the client is made of: keys that do not show, and a configuration that fits the contract."""

import json
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from broker.process.composition import SERVICES
from ocpi_broker import client
from ocpi_broker.client import access, aio

CANARY = "obk-canary"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "billing.key"
    path.write_text(f"{CANARY}\n")
    return path


def test_the_reads_of_services_and_operators_are_repeated_and_nothing_else() -> None:
    """What the contract calls free of side effects or idempotent; what the gateway asks is the gateway's matter."""
    (rule,) = json.loads(access.SERVICE_CONFIG)["methodConfig"]

    repeated = {(name["service"], name["method"]) for name in rule["name"]}

    harmless = {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}
    reads = {
        (service.full_name, method.name)
        for service in SERVICES
        for method in service.methods
        if method.GetOptions().idempotency_level in harmless and service.name != "OcpiService"
    }
    assert repeated == reads
    assert rule["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_options_of_a_service_come_before_ours() -> None:
    ours = dict(access.options([]))

    chosen = access.options([("grpc.keepalive_time_ms", 30_000), ("grpc.primary_user_agent", "billing")])

    assert len(chosen) == len(dict(chosen))
    assert dict(chosen) == {**ours, "grpc.keepalive_time_ms": 30_000, "grpc.primary_user_agent": "billing"}


@pytest.mark.parametrize("content", [b"", b"  \n", b"two words", b"two\nlines", "schlüssel".encode(), b"\xff\xfe\x00"])
@pytest.mark.parametrize("connect", [client.connect, aio.connect])
def test_a_file_that_holds_no_key_is_named_and_not_shown(connect, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "billing.key"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"billing\.key does not hold a service key") as refused:
        connect("127.0.0.1:1", key_file=path)

    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    assert "words" not in str(refused.value)


@pytest.mark.parametrize("connect", [client.connect, aio.connect])
def test_a_file_that_is_not_there_is_named(connect, key_file: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        connect("127.0.0.1:1", key_file="missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        connect("127.0.0.1:1", key_file=key_file, ca_file="missing")


@pytest.mark.parametrize("connect", [client.connect, aio.connect])
def test_a_key_does_not_leave_the_machine_in_clear_text(connect, key_file: Path) -> None:
    with pytest.raises(ValueError, match=r"broker\.example:50051 is not on this machine.*ca_file") as refused:
        connect("broker.example:50051", key_file=key_file)

    assert CANARY not in str(refused.value)


def test_a_channel_does_not_show_its_key(key_file: Path) -> None:
    with client.connect("127.0.0.1:1", key_file=key_file) as channel:
        assert CANARY not in repr(channel) + repr(vars(channel))
