"""The last filter before a log line is written."""

import io
import json
import logging
import subprocess
import sys
from base64 import b64encode

import pytest
import structlog

from broker import logs
from broker.crypto.minting import SecretKind, lookup_id
from broker.logs import render

TOKEN = "ocpi-EN8Sbz7A2mp4-h50QoTF7ldJXwuNkWcPZPjEOiX8hUyQOQrIT3qz8yg"
KEY = "obk-lrmGQCP6mHVE-Rbls2hQO3HgqHpSjFBcygNaVPvqo0pQPvMdz2iek5i"
THEIRS = "5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55"
ENCODED = b64encode(TOKEN.encode()).decode()


def test_the_examples_have_the_form_of_our_secrets():
    assert lookup_id(SecretKind.ISSUED_TOKEN, TOKEN)
    assert lookup_id(SecretKind.SERVICE_KEY, KEY)


def masked(value):
    return json.loads(render(None, "info", {"event": value}))["event"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (TOKEN, "[masked]"),
        (KEY, "[masked]"),
        (f"{TOKEN}{KEY}", "[masked][masked]"),
        (f"https://broker.example/?token={TOKEN}&x=1", "https://broker.example/?token=[masked]&x=1"),
        (f"'{TOKEN}', '{KEY}'", "'[masked]', '[masked]'"),
        (f"line one\n{TOKEN}\nline three", "line one\n[masked]\nline three"),
        (f"Token {TOKEN}", "Token [masked]"),
        (f"Authorization: Token {ENCODED}", "Authorization: Token [masked]"),
        (f"authorization: token  {THEIRS}", "authorization: token [masked]"),
        (f"TOKEN\t{THEIRS}, more", "TOKEN [masked] more"),
        (f"Bearer {KEY}", "Bearer [masked]"),
        (f"bearer {THEIRS}", "bearer [masked]"),
        (f"x{TOKEN}y", "x[masked]y"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text, left):
    shown = masked(text)

    assert not any(secret in shown for secret in (TOKEN, KEY, THEIRS, ENCODED))
    assert shown == left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "peer registered",
        f"lookup id {TOKEN[5:17]}",
        "tenants/acme/peers/kwl",
        "the token is not valid",
        "a tokens table",
        "https://peer.example/ocpi/2.2.1/tokens/NL/TNM",
        "ocpi-broker",
        "ocpi-0123456789AB-tooshort",
    ],
)
def test_what_does_not_is_left_alone(text):
    assert masked(text) == text


@pytest.mark.parametrize("value", [None, 7, 1.5, True])
def test_numbers_pass(value):
    assert masked(value) == value


def test_every_key_of_an_event_is_looked_at_and_none_is_lost():
    event = {"event": "rpc", "exception": f"Traceback …\nValueError: {TOKEN}", "header": f"Bearer {KEY}", "count": 3}

    shown = json.loads(render(None, "info", event))

    assert shown == {
        "event": "rpc",
        "exception": "Traceback …\nValueError: [masked]",
        "header": "Bearer [masked]",
        "count": 3,
    }


@pytest.mark.parametrize(
    "value",
    [[TOKEN], {"token": TOKEN}, (f"Bearer {KEY}",), {"a": [{"b": KEY}]}, ValueError(TOKEN), TOKEN.encode()],
    ids=["list", "dict", "tuple", "nested", "exception", "bytes"],
)
def test_a_secret_is_masked_wherever_it_stands(value):
    shown = render(None, "info", {"event": value})

    assert TOKEN not in shown
    assert KEY not in shown


@pytest.fixture
def configured(monkeypatch):
    """Logging as the broker has it; as it was again afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._QUIET}
    before = structlog.get_config() if structlog.is_configured() else None
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)


def refuse():
    raise ValueError(f"cannot use {TOKEN}")


@pytest.mark.parametrize(
    "log",
    [
        lambda: structlog.get_logger().exception("defect", header=f"Token {THEIRS}"),
        lambda: logging.getLogger("some.library").exception("Bearer %s", KEY),  # noqa: LOG004
    ],
    ids=["ours", "a library's"],
)
def test_a_line_is_one_json_object_without_secrets_whoever_writes_it(configured, log):
    try:
        refuse()
    except ValueError:
        log()

    (line,) = configured()
    assert line["level"] == "error"
    assert "cannot use [masked]" in line["exception"]
    assert not any(secret in json.dumps(line) for secret in (TOKEN, KEY, THEIRS))


def test_what_is_below_the_level_is_not_written(configured):
    structlog.get_logger().debug("quiet")
    logging.getLogger("some.library").debug("quiet")

    assert configured() == []


@pytest.mark.parametrize("library", logs._QUIET)
def test_libraries_that_print_headers_are_quiet_at_every_level(configured, library):
    logs.configure("debug")

    logging.getLogger(f"{library}.inner").debug("headers: %s", THEIRS)
    logging.getLogger(library).info("headers: %s", THEIRS)

    assert configured() == []


UNHEARD = """
import asyncio, sys, threading, warnings
from broker import logs
logs.take_over("info")
warnings.warn("as it was", stacklevel=1)

class Late:
    def __del__(self):
        raise ValueError("Token {token}")

Late()
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()

async def main():
    task = asyncio.create_task(asyncio.sleep(0, 1))
    lost = asyncio.get_running_loop().create_future()
    lost.set_exception(OSError("lost"))
    del lost
    await task

asyncio.run(main())
raise KeyError("{token}")
"""


def test_what_nobody_catches_or_logs_comes_as_events_too():
    """Warnings, destructors, threads, lost futures, and the end of the program."""
    ran = subprocess.run(
        [sys.executable, "-c", UNHEARD.format(token=TOKEN)], capture_output=True, text=True, check=False
    )

    events = [json.loads(line) for line in ran.stderr.splitlines()]
    assert (ran.returncode, ran.stdout) == (1, "")
    assert [event.get("logger", event["event"]) for event in events] == [
        "py.warnings", "uncaught", "uncaught", "asyncio", "uncaught",
    ]  # fmt: skip
    assert [event["where"] for event in events if event["event"] == "uncaught"][1:] == ["worker", "main"]
    assert TOKEN not in ran.stderr


TAKEN = """
import socket
from concurrent.futures import ThreadPoolExecutor
import broker
import grpc

with socket.create_server(("127.0.0.1", 0)) as taken:
    try:
        grpc.server(ThreadPoolExecutor(1)).add_insecure_port(f"127.0.0.1:{taken.getsockname()[1]}")
    except RuntimeError:
        print("refused")
"""


@pytest.mark.parametrize("asked", [False, True])
def test_the_core_of_grpc_is_silent_unless_it_is_asked_to_speak(asked):
    env = {"GRPC_VERBOSITY": "ERROR"} if asked else {}

    ran = subprocess.run([sys.executable, "-c", TAKEN], capture_output=True, text=True, check=True, env=env)

    assert ran.stdout == "refused\n"
    assert bool(ran.stderr) == asked, ran.stderr
