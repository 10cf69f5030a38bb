"""Where the broker is said to be, without a broker."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from broker.cli.connection import Place, locate, open_channel
from broker.cli.failures import CommandError
from broker.process.address import Address


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OCPI_BROKER_TARGET": "127.0.0.1:50051"},
        {"OCPI_BROKER_KEY_FILE": "/k"},
        {"OCPI_BROKER_TARGET": "", "OCPI_BROKER_KEY_FILE": "/k"},
    ],
)
def test_the_command_must_be_told_which_broker(environ):
    with pytest.raises(CommandError, match="say which broker") as refusal:
        locate(None, environ)

    assert refusal.value.exit_code == 2


def test_an_address_that_is_none_is_refused():
    with pytest.raises(CommandError, match="must be HOST:PORT"):
        locate(None, {"OCPI_BROKER_TARGET": "broker.example", "OCPI_BROKER_KEY_FILE": "/k"})


def test_two_brokers_in_the_environment_are_one_too_many(tmp_path):
    environ = {"OCPI_BROKER_TARGET": "127.0.0.1:1", "OCPI_BROKER_KEY_FILE": "/k", "OCPI_BROKER_DATA_DIR": str(tmp_path)}

    with pytest.raises(CommandError, match="are both set"):
        locate(tmp_path, environ)


def test_a_file_to_trust_that_holds_no_certificate_is_named(tmp_path):
    (tmp_path / "ca").write_text("junk")

    with pytest.raises(CommandError, match="ca holds no certificate in PEM; OCPI_BROKER_CA_FILE names it"):
        locate(None, {"OCPI_BROKER_CA_FILE": str(tmp_path / "ca")})


@pytest.mark.parametrize(
    ("host", "ca", "kind"),
    [
        ("127.0.0.1", None, "insecure"),
        ("localhost", None, "insecure"),
        ("127.0.0.1", b"PEM", "secure"),
        ("10.0.0.1", None, "secure"),
        ("broker.example", None, "secure"),
    ],
)
def test_the_key_leaves_the_machine_over_tls_only(monkeypatch, host, ca, kind):
    opened = []
    monkeypatch.setattr(grpc, "insecure_channel", lambda *_: opened.append("insecure"))
    monkeypatch.setattr(grpc, "secure_channel", lambda *_: opened.append("secure"))

    open_channel(Place(Address(host, 1), "key", ca))

    assert opened == [kind]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(Address("127.0.0.1", 7), "k"), "ocpi-broker up --data-dir DIR --grpc 127.0.0.1:7"),
        (
            Place(Address("::1", 7), "k", data_dir=Path("/a b")),
            "ocpi-broker up --data-dir '/a b' --grpc [::1]:7",
        ),
        (Place(Address("127.0.0.1", 7), "k", b"PEM"), ""),
        (Place(Address("broker.example", 7), "k"), ""),
    ],
)
def test_the_command_that_starts_a_broker_is_told_where_it_would_answer_there(place, said):
    assert place.how_to_start == said


def test_a_directory_without_a_broker_is_named_in_the_command_that_starts_one(tmp_path):
    with pytest.raises(CommandError, match=f"To start one: ocpi-broker up --data-dir {tmp_path}$"):
        locate(tmp_path, {})


def test_a_page_of_hubs_is_larger_than_what_grpc_takes_by_itself():
    answer = bytes(5_000_000)
    method = grpc.unary_unary_rpc_method_handler(lambda _question, _context: answer)
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Large", {"Get": method})])
    place = Place(Address("127.0.0.1", server.add_insecure_port("127.0.0.1:0")), "key")
    server.start()
    try:
        with open_channel(place) as channel:
            assert channel.unary_unary("/Large/Get")(b"", timeout=10) == answer
    finally:
        server.stop(None)


def test_a_place_does_not_print_its_key():
    assert "s3cret" not in repr(Place(Address("127.0.0.1", 1), "s3cret"))
