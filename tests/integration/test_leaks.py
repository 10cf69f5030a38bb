"""A canary run (stolen database, secrets in logs): after handshakes and failures at DEBUG, no secret is found anywhere.

Searched are the log, every text that was answered to anybody, and the database as a thief would get it.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import grpc
import pytest

from ocpi_broker.v1 import admin_service_pb2, peer_service_pb2, resources_pb2, token_service_pb2
from tests import database as databases
from tests import postgres, process
from tests.peer import Reply, Served, answering, encoded, envelope, raw
from tests.stack import Deployment, Guest, attached, key_of

pytestmark = pytest.mark.anyio


def canary() -> str:
    """A token that cannot occur by chance, and that JSON, URLs and SQL would all write as it is."""
    return f"CANARY{secrets.token_hex(16)}"


def spellings(secret: str) -> Iterator[tuple[str, bytes]]:
    """A secret as it may hide in a file."""
    text = secret.encode()
    yield "as it is", text
    yield "reversed", text[::-1]
    yield "hex", text.hex().encode()
    yield "HEX", text.hex().upper().encode()
    yield "utf-16-le", secret.encode("utf-16-le")
    yield "utf-16-be", secret.encode("utf-16-be")
    yield "in a URL", quote(secret, safe="").encode()
    for shift in range(3):  # wherever it stands inside something that was encoded as a whole
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * shift + text)
            yield f"base64, shifted by {shift}", whole[-(-shift * 4 // 3) : len(whole) // 4 * 4 - 4]
            yield f"base64 in hex, shifted by {shift}", whole[-(-shift * 4 // 3) : -4].hex().encode()


def finds(haystack: bytes, known: dict[str, str]) -> list[str]:
    return [
        f"{title} {spelling}"
        for title, secret in known.items()
        for spelling, needle in spellings(secret)
        if len(needle) >= 8 and needle in haystack
    ]


def test_the_search_finds_what_it_looks_for() -> None:
    """A search that finds nothing proves something only if it can find."""
    secret = canary()
    for dressed in (
        json.dumps({"a": secret}).encode(),
        base64.b64encode(f"Token {secret}".encode()),
        base64.b64encode(f"x{secret}yz".encode()),
        base64.b64encode(f"xy{secret}".encode()),
        f"\\x{secret.encode().hex()}".encode(),
        secret.encode("utf-16-le"),
        repr(encoded(secret)).encode(),
    ):
        assert finds(b"noise" + dressed + b"noise", {"canary": secret}), dressed


class Told:
    """Everything that anybody was told, except the answers whose purpose is to hand out a secret."""

    def __init__(self) -> None:
        self.text = bytearray()

    def reply(self, reply: Reply, *, discloses: bool = False) -> Reply:
        body = {name: value for name, value in reply.body.items() if not (discloses and name == "data")}
        self.text += json.dumps(body).encode() + repr(sorted(reply.headers.multi_items())).encode()
        return reply

    async def refusal(self, call: object) -> None:
        with pytest.raises(grpc.RpcError) as refused:
            await call  # type: ignore[misc]
        error = refused.value
        self.text += repr((error.code(), error.details(), error.trailing_metadata(), str(error))).encode()


async def _good_paths(guest: Guest, told: Told, known: dict[str, str]) -> None:
    """POST, its repetition, PUT, GET; then the peer shows its token to be seen."""
    sender = guest.sender
    await sender.discover()
    for name in ("post, lost", "post", "put, lost", "put"):
        known[f"held, {name}"] = canary()
        call = sender.post if name.startswith("post") else sender.put
        reply = told.reply(await call(token=known[f"held, {name}"]), discloses=True)
        assert reply.outcome == (200, 1000), reply
        known[f"issued, {name}"] = reply.token
        if not name.endswith("lost"):
            sender.token = reply.token
            told.reply(await sender.versions())
    told.reply(await sender.get(), discloses=True)
    told.reply(await sender.get(f"{sender.base}/2.2.1"))


async def _bad_bodies(guest: Guest, told: Told, known: dict[str, str]) -> None:
    sender, theirs = guest.sender, canary()
    known["in a bad body"] = theirs
    bodies: list[object] = [
        b'{"token": "' + theirs.encode(),
        json.dumps({"token": theirs}).encode() + b"}",
        f'{{"token": "{theirs}", "token": "{theirs}"}}'.encode(),
        {theirs: theirs},
        [theirs],
        theirs,
        {"token": [theirs]},
        {"token": theirs + " " + theirs},
        {"token": theirs, "url": theirs, "roles": theirs},
        sender.credentials(theirs, url=f"https://user:{theirs}@example.com/versions"),
        sender.credentials(theirs, url=f"{theirs}://example.com"),
        sender.credentials(theirs, roles=[{"role": "CPO", "token": theirs}]),
        sender.credentials(theirs, url=f"http://127.0.0.1:1/versions?token={theirs}"),
    ]
    for body in bodies:
        for call in (sender.put, sender.post):
            told.reply(await call(body))
    known.pop("in a bad body")  # text that is no token may be named, so only what was announced as one is looked for
    known["announced in a bad body"] = theirs


async def _bad_headers(guest: Guest, told: Told, known: dict[str, str]) -> None:
    sender, theirs = guest.sender, canary()
    known["in a bad header"] = theirs
    known["lookalike"] = f"{sender.token[:-1]}{'y' if sender.token.endswith('x') else 'x'}"
    for value in (raw(theirs), encoded(theirs), f"Bearer {theirs}", f"Token {theirs} {theirs}", theirs):
        told.reply(await sender.request("GET", sender.credentials_url, headers=[("Authorization", value)]))
    told.reply(
        await sender.request("GET", sender.credentials_url, headers=[("Authorization", encoded(known["lookalike"]))])
    )


async def _bad_callbacks(guest: Guest, told: Told, known: dict[str, str]) -> None:
    """A peer that repeats our callback's token in whatever it answers."""
    sender, platform = guest.sender, guest.platform
    theirs = known["held, in a failing callback"] = canary()
    shown = encoded(theirs)
    answers = [
        Served(status=500, body=f"no such token {theirs}".encode()),
        Served(status=401, body=json.dumps({"status_code": 2000, "status_message": f"bad token {theirs}"}).encode()),
        Served(status=302, headers=(("location", f"{platform.base}/?token={theirs}"),)),
        Served(body=shown.encode()),
        Served(body=json.dumps({"status_code": 2000, "status_message": shown}).encode()),
        envelope([{"version": theirs, "url": theirs}]),
        envelope({theirs: theirs}),
        envelope([{"version": "2.2.1", "url": f"https://{theirs}:{theirs}@example.com/"}]),
    ]
    for resource in ("versions", "details"):
        for answer in answers:
            platform.script = {resource: answering(answer)}
            told.reply(await sender.put(token=theirs))
    platform.script = {}
    told.reply(await sender.put(sender.credentials(canary(), url=f"http://localhost:1/{'x' * 20}")))


async def _services(deployment: Deployment, guest: Guest, tenant: str, told: Told, known: dict[str, str]) -> None:
    """An internal service fetches, verifies and gets it wrong."""
    key = known["key of a caller"] = await deployment.caller(admin_service_pb2.CALLER_ROLE_READER, tenant)
    wrong = known["key that is wrong"] = canary()
    async with deployment.speaking(key) as billing, deployment.speaking(wrong) as stranger:
        held = await billing.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=tenant, peer=guest.name))
        assert held.token == known["held, put"]
        for token in (guest.sender.token, canary(), guest.invitation.token):
            answer = await billing.tokens.VerifyToken(
                token_service_pb2.VerifyTokenRequest(parent=tenant, authorization=encoded(token), module="locations")
            )
            told.text += str(answer).encode()
        await told.refusal(stranger.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=tenant)))
        await told.refusal(
            billing.tokens.VerifyToken(
                token_service_pb2.VerifyTokenRequest(parent="tenants/no", authorization=encoded(guest.sender.token))
            )
        )
        await told.refusal(
            billing.tokens.VerifyToken(
                token_service_pb2.VerifyTokenRequest(parent="?", authorization=encoded(guest.sender.token))
            )
        )
    listed = [
        await deployment.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=guest.name)),
        await deployment.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=guest.name, page_size=1000)),
        await deployment.services.admin.ListCallers(admin_service_pb2.ListCallersRequest()),
        await deployment.services.admin.GetServerInfo(admin_service_pb2.GetServerInfoRequest()),
    ]
    told.text += repr([str(answer) for answer in listed]).encode()


async def _a_registration_that_ends(deployment: Deployment, home: object, told: Told, known: dict[str, str]) -> None:
    async with deployment.guest(home) as guest:  # type: ignore[arg-type]
        known["invitation, ended"] = guest.invitation.token
        known["held, ended"] = canary()
        await guest.sender.discover()
        guest.sender.token = known["issued, ended"] = (await guest.sender.post(token=known["held, ended"])).token
        told.reply(await guest.sender.delete())
        told.reply(await guest.sender.delete())
        answer = await deployment.peers.ResetPeer(peer_service_pb2.ResetPeerRequest(name=guest.name))
        known["invitation, after a reset"] = answer.token


async def _seen_from_outside(deployment: Deployment, health: str) -> bytes:
    answers = [await deployment.client.get(f"http://{health}/{path}") for path in ("livez", "readyz", "metrics")]
    return b"".join(answer.content for answer in answers)


async def test_no_secret_is_found_where_it_does_not_belong(
    event_loop_for_all: None, database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: postgres.Server | None = None
    if database_kind == "postgresql":
        server = request.getfixturevalue("postgres_server")
    with databases.fresh(database_kind, tmp_path / "data", server) as database:
        url = database.url if server is not None else None
        shown = ("--health", "127.0.0.1:0", "--metrics-tenants")
        program = process.up(tmp_path, url, "--log-level", "DEBUG", *shown)
        told, known = Told(), dict[str, str]()
        await program.start()
        try:
            async with attached(program.ready, tmp_path / "data") as deployment:
                home = await deployment.home()
                async with deployment.guest(home) as guest:
                    known["invitation"] = guest.invitation.token
                    await _good_paths(guest, told, known)
                    await _bad_bodies(guest, told, known)
                    await _bad_headers(guest, told, known)
                    await _bad_callbacks(guest, told, known)
                    await _services(deployment, guest, home.name, told, known)
                await _a_registration_that_ends(deployment, home, told, known)
                metrics = await _seen_from_outside(deployment, program.ready["health"])
            dump = database.dump()  # while it runs: with the write-ahead log
            assert await program.stop() == 0
            dump += database.dump()
        finally:
            await program.kill()
        log = await asyncio.to_thread((tmp_path / "up.log").read_bytes)

        for name in ("admin", "gateway"):
            known[f"key of {name}"] = key_of(tmp_path / "data", name)
        password = urlsplit(database.url).password
        if password:
            known["password of the database"] = password
        for title, secret in list(known.items()):
            if title.startswith(("issued", "invitation")):
                known[f"secret part of {title}"] = max(secret.split("-"), key=len)

        assert b"debug" in log.lower(), "the log is not at DEBUG"
        assert b"GetPeerToken" in log, "the log tells nothing of what was done"
        assert guest.party.split("/")[1].encode() in dump, "the broker keeps its data elsewhere"
        assert b"ocpi_broker_exchanges_total{" in metrics, "the metrics tell nothing of what was done"
        assert finds(log, known) == []
        assert finds(metrics, known) == []
        assert finds(bytes(told.text), known) == []
        assert finds(dump, known) == []


async def test_the_data_folder_is_for_its_owner_only(own_stack: "object") -> None:
    """D7, D8."""
    folder: Path = own_stack.settings.data_dir  # type: ignore[attr-defined]
    files = [path for path in folder.iterdir() if path.name != "target"]  # noqa: ASYNC240

    assert {path.name for path in files} >= {"keys.json", "admin.key", "gateway.key"}
    assert [
        path.name for path in files if path.name.endswith((".key", "keys.json")) and path.stat().st_mode & 0o077
    ] == []


def test_a_resource_message_has_no_field_for_a_secret() -> None:
    """D5: metadata and secrets are apart."""
    for message in (resources_pb2.Peer, resources_pb2.Tenant, resources_pb2.Exchange, admin_service_pb2.Caller):
        names = {field.name for field in message.DESCRIPTOR.fields}
        assert not names & {"token", "authorization", "key", "secret", "password"}, message.DESCRIPTOR.name
