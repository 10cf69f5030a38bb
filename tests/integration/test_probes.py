"""One probe of a peer that answers over real sockets: what is found, and in how many requests."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.core.health import Failed, Refused, Trouble, Worked
from broker.core.model import HeaderForm
from broker.core.quirks import Quirks
from broker.outbound.addresses import client_context
from broker.outbound.discovery import USUAL, Tolerances
from broker.outbound.probes import probe
from tests.integration import raw_peer
from tests.integration.raw_peer import (
    LOOPBACK,
    QUICK,
    ROOMY,
    STRICT,
    TOKEN,
    calling,
    envelope,
    listening,
    lists,
    plain,
    resolving,
    says,
)
from tests.ports import free_port

pytestmark = pytest.mark.anyio

RAW, BASE64 = HeaderForm.RAW, HeaderForm.BASE64
NO = plain(envelope(code=2000), status="401 Unauthorized")
FORBIDDEN = plain(b"", status="403 Forbidden")


async def probed(url, *, form=BASE64, tolerances=USUAL, policy=LOOPBACK, budgets=ROOMY, **ours):
    async with calling(policy, budgets, **ours) as peers:
        return await probe(peers, url, TOKEN, form, tolerances, correlation_id="corr-1")


def knows(form):
    """A peer that reads the token in this form only."""
    shown = {RAW: raw_peer.RAW, BASE64: raw_peer.BASE64}[form]

    async def answer(peer, writer):
        good = peer.received[-1].all("authorization") == [shown]
        await (lists("2.2.1") if good else says(NO))(peer, writer)

    return answer


@pytest.mark.parametrize("form", [RAW, BASE64])
async def test_a_peer_that_takes_the_token_is_asked_once(form):
    async with listening(knows(form)) as peer:
        assert await probed(peer.url(), form=form) == Worked(form, form)

        assert len(peer.received) == 1


@pytest.mark.parametrize("tolerances", [USUAL, Tolerances(Quirks(auth_form_out=BASE64))])
async def test_the_other_form_is_tried_once_and_told(tolerances):
    """Also where a quirk says which: that may be what is wrong."""
    async with listening(knows(RAW)) as peer:
        assert await probed(peer.url(), tolerances=tolerances) == Worked(RAW, asked=BASE64)

        assert [request.all("authorization") for request in peer.received] == [[raw_peer.BASE64], [raw_peer.RAW]]


@pytest.mark.parametrize("answers", [[NO], [FORBIDDEN], [NO, plain(b"", status="404 Not Found")]])
async def test_a_token_that_is_refused_in_both_forms_is_dead(answers):
    async with listening(says(*answers)) as peer:
        outcome = await probed(peer.url())

        assert isinstance(outcome, Refused), outcome
        assert len(peer.received) == 2


async def test_an_error_in_an_envelope_may_be_about_the_form_as_well():
    """A7: some say with 200 that they do not know a token."""
    listed = [{"version": "2.2.1", "url": "https://kwl.example/2.2.1"}]
    async with listening(says(plain(envelope(code=2001)), plain(envelope(listed)))) as peer:
        assert await probed(peer.url()) == Worked(RAW, asked=BASE64)


MOVED = plain(b"", "Location: https://new.example.com/ocpi", status="301 Moved Permanently")


@pytest.mark.parametrize(
    ("answer", "trouble", "said"),
    [
        (plain(b"", status="404 Not Found"), Trouble.NOT_FOUND, "versions list: HTTP 404"),
        (plain(b"", status="410 Gone"), Trouble.NOT_FOUND, "versions list: HTTP 410"),
        (MOVED, Trouble.REDIRECTED, "versions list: HTTP 301, a redirect to new.example.com, which is not followed"),
        (plain(b"", status="503 Service Unavailable"), Trouble.HTTP_ERROR, "versions list: HTTP 503"),
        (plain(b"", status="405 Method Not Allowed"), Trouble.HTTP_ERROR, "versions list: HTTP 405"),
        (plain(envelope(code=3000)), Trouble.OCPI_ERROR, "OCPI status code 3000"),
        (plain(b"<html>"), Trouble.UNREADABLE, ""),
        (plain(envelope("no list")), Trouble.UNREADABLE, ""),
        (plain(b"x" * (80 << 10)), Trouble.UNREADABLE, "the answer has more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", Trouble.NO_ANSWER, "cut off"),
    ],
)
async def test_what_an_answer_says(answer, trouble, said):
    async with listening(says(answer)) as peer:
        outcome = await probed(peer.url())

    assert isinstance(outcome, Failed), outcome
    assert outcome.trouble is trouble
    assert said in outcome.message


async def test_silence_ends_with_the_budget():
    async with listening(lambda peer, writer: peer.write(writer, b"")) as peer:
        outcome = await probed(peer.url(), budgets=QUICK)

    assert isinstance(outcome, Failed)
    assert outcome.trouble is Trouble.NO_ANSWER


async def test_a_list_in_pages_does_not_go_on_for_ever():
    """Each page in time, and all of them not."""

    async def slow(peer, writer):
        await asyncio.sleep(0.25)
        following = f'Link: <{peer.url(f"/ocpi/versions?page={len(peer.received)}")}>; rel="next"'
        await peer.write(writer, plain(envelope([{"version": "2.2.1", "url": peer.url("/2.2.1")}]), following))

    async with listening(slow) as peer:
        outcome = await probed(peer.url(), budgets=QUICK)

        assert isinstance(outcome, Failed)
        assert outcome.trouble is Trouble.NO_ANSWER
        assert outcome.message.startswith("versions list: no complete answer within 0.9 seconds")
        assert len(peer.received) < 5


async def test_nobody_there():
    outcome = await probed(f"http://127.0.0.1:{free_port()}/ocpi/versions")

    assert isinstance(outcome, Failed)
    assert outcome.trouble is Trouble.UNREACHABLE
    assert outcome.message.startswith("versions list: could not connect to 127.0.0.1")


async def test_a_name_without_an_address():
    outcome = await probed("https://kwl.example/versions", policy=STRICT, resolve=resolving(OSError()))

    assert isinstance(outcome, Failed)
    assert outcome.trouble is Trouble.UNREACHABLE
    assert outcome.message.startswith("versions list: could not connect to kwl.example")


async def test_no_url_is_called_that_the_policy_forbids():
    async with listening(lists("2.2.1")) as peer:
        outcome = await probed(peer.url(), policy=STRICT)

        assert isinstance(outcome, Failed)
        assert outcome.trouble is Trouble.URL_REFUSED
        assert peer.connections == 0


async def test_a_token_that_the_peer_repeats_is_not_repeated():
    body = b'{"status_code": 3000, "status_message": "no: %s"}' % TOKEN.reveal().encode()
    async with listening(says(plain(body))) as peer:
        outcome = await probed(peer.url())

    assert not TOKEN.appears_in(str(outcome))


def certified(tmp_path, *, until):
    """A server's side of TLS, certified by itself for 127.0.0.1; and one of ours that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kwl")])
    general = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(until - timedelta(days=90))
    builder = builder.not_valid_after(until).add_extension(x509.SubjectAlternativeName([general]), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(pem + private)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(tmp_path / "server.pem")
    ours = client_context()
    ours.load_verify_locations(cadata=pem.decode())
    ours.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return theirs, ours


@pytest.mark.parametrize("days", [-1, 1])
async def test_a_certificate_that_has_expired(tmp_path, days):
    theirs, ours = certified(tmp_path, until=datetime.now(UTC) + timedelta(days=days))
    async with listening(lists("2.2.1"), tls=theirs) as peer:
        outcome = await probed(peer.url(scheme="https"), tls=ours)

    if days > 0:
        assert outcome == Worked(BASE64, BASE64)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.trouble is Trouble.TLS_FAILED
