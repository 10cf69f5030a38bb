"""The command line itself: what is there, what it says about itself, and what it refuses before it calls anybody."""

from collections.abc import Iterator

import pytest
import typer

from broker.cli import app, main

CONTRACT = {
    "up", "serve", "gateway", "doctor", "certificate", "conformance", "mock-peer", "db upgrade",
    "tenant create", "tenant update", "tenant show", "tenant list", "tenant delete",
    "peer invite", "peer list", "peer show", "peer exchanges", "peer unregister", "peer reset", "peer block",
    "peer unblock", "peer update", "peer approve", "peer import", "peer export", "peer delete",
    "peer connect", "peer rotate", "peer switch-version", "peer revoke",
    "token get", "token verify", "caller create", "caller list", "caller revoke",
}  # fmt: skip
PROCESSES = {"up", "serve", "gateway", "mock-peer"}


def commands(command=None, path=()) -> Iterator[tuple[str, object]]:
    """Every command that does something, by what is typed."""
    command = command or typer.main.get_command(app)
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands())


def refusal(capsys, *arguments) -> str:
    """What is said about a command line that is wrong."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    printed = capsys.readouterr()
    assert left.value.code == 2, printed
    assert printed.out == ""
    return printed.err


def test_every_command_of_the_contract_is_there():
    assert set(COMMANDS) == CONTRACT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_explains_itself(name):
    command = COMMANDS[name]

    assert command.help
    assert [option.name for option in command.params if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_data_directory_can_be_said_in_the_environment(name):
    options = {flag: option for option in COMMANDS[name].params for flag in option.opts}

    if "--data-dir" in options:
        assert options["--data-dir"].envvar == "OCPI_BROKER_DATA_DIR"


@pytest.mark.parametrize("name", sorted(CONTRACT - PROCESSES))
def test_every_command_that_ends_can_print_json(name):
    assert "--json" in {flag for option in COMMANDS[name].params for flag in option.opts}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tenant", "create", "acme", "--party", "NL/LMH/CPO"], "company's name"),
        (["peer", "invite", "--party", "NL/LMH"], "must end in a role"),
        (["peer", "invite", "--any-party", "--expires", "soon"], "must be a number and a unit"),
        (["peer", "connect", "kw"], "Missing option '--versions-url'"),
        (["peer", "connect", "kw", "--versions-url", "https://a"], "give --token-stdin"),
        (["peer", "connect", "kw", "--versions-url", "https://a", "--timeout", "soon"], "must be a number and a unit"),
        (["peer", "connect", "kw", "--versions-url", "https://a", "--party", "NL/LMH"], "must end in a role"),
        (["peer", "switch-version", "kw"], "Missing argument 'V'"),
        (["token", "get"], "give either --peer NAME or --party"),
        (["token", "get", "--peer", "kw", "--party", "DE/KWL"], "give either --peer NAME or --party"),
        (["token", "get", "--peer", "kw", "--interface", "UP"], "UP is not one of SENDER, RECEIVER"),
        (["caller", "create", "x", "--role", "root"], "root is not one of reader"),
        (["up", "--data-dir", "d", "--grpc", "50051"], "must be HOST:PORT"),
        (["up", "--data-dir", "d", "--grpc", "0.0.0.0:1"], "is not on loopback"),
        (["up", "--data-dir", "d", "--http", "0.0.0.0:1", "--allow-insecure-peers"], "for loopback only"),
        (["up", "--data-dir", "d", "--insecure-peers-in", "world"], "must be loopback or private"),
        (["up", "--data-dir", "d", "--database-url", "mysql://u:hunter2@h/d"], "must start with sqlite:///"),
        (["up"], "Missing option '--data-dir'"),
        (["serve", "--data-dir", "d", "--public-url", "https://a", "--grpc", "0.0.0.0:1"], "give --tls-cert"),
        (["serve", "--data-dir", "d", "--public-url", "https://a", "--tls-key", "k"], "together"),
        (["db", "upgrade"], "say which database"),
        (["certificate", "--host", "ä b", "--data-dir", "d"], "neither a DNS name"),
    ],
)
def test_a_wrong_command_line_is_refused_with_a_reason(capsys, monkeypatch, arguments, said):
    monkeypatch.delenv("OCPI_BROKER_DATABASE_URL", raising=False)

    text = refusal(capsys, *arguments)

    assert said in text
    assert "hunter2" not in text
    assert "Traceback" not in text


def test_help_and_version_are_answers(capsys):
    for arguments in (["--help"], ["--version"], ["peer", "--help"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
    assert "ocpi-broker" in capsys.readouterr().out
