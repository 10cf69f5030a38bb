"""What is let pass when a peer is read, and the quirk that is named for it; pages of a list (A24, A25, PG-03)."""

import json

import pytest

from broker.core.model import HeaderForm, Version
from broker.core.quirks import Quirks
from broker.errors import PeerVersionUnsupportedError
from broker.ocpi import DIALECTS
from broker.outbound.discovery import USUAL, Tolerances
from broker.outbound.http_call import CallbackError
from tests.integration.raw_peer import (
    BASE64,
    DIALECT,
    RAW,
    TOKEN,
    calling,
    endpoint,
    envelope,
    listening,
    offers,
    plain,
    read_details,
    read_versions,
    says,
)

pytestmark = pytest.mark.anyio

STRICT = Tolerances(strict=True)
ODD = "the answer has a shape that this version does not have"


def entry(peer, version="2.2.1"):
    return {"version": version, "url": peer.url(f"/ocpi/{version}")}


def lists_as(shape):
    """A version list of one, in this shape."""

    async def answer(peer, writer):
        await peer.write(writer, plain(envelope(shape(peer))))

    return answer


SHAPES = {
    "in an object": (lambda peer: {"versions": [entry(peer)]}, "versions_wrapped_in_object"),
    "single": (entry, "versions_wrapped_in_object"),
    "details": (lambda peer: {"version": "2.2.1", "endpoints": []}, "url_is_version_details"),
}
each_shape = pytest.mark.parametrize(("shape", "quirk"), SHAPES.values(), ids=SHAPES)


@each_shape
async def test_a_version_list_in_another_shape_is_read_and_the_quirk_named(shape, quirk):
    async with listening(lists_as(shape)) as peer:
        answer = await read_versions(peer.url())

        assert [version for version, _ in answer.value] == [Version("2.2.1")]
        assert answer.quirks == (quirk,)


@each_shape
@pytest.mark.parametrize("how", ["strict", "switched off"])
async def test_it_is_refused_by_a_strict_tenant_or_when_switched_off_and_the_quirk_named(shape, quirk, how):
    tolerances = STRICT if how == "strict" else Tolerances(Quirks(**{quirk: False}))
    async with listening(lists_as(shape)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url(), tolerances=tolerances)

        assert (str(failure.value), failure.value.quirk) == (f"versions list: {ODD}", quirk)


@each_shape
async def test_a_strict_tenant_may_let_it_pass_with_one_peer(shape, quirk):
    async with listening(lists_as(shape)) as peer:
        answer = await read_versions(peer.url(), tolerances=Tolerances(Quirks(**{quirk: True}), strict=True))

        assert answer.quirks == (quirk,)


def undated(peer, writer):
    return peer.write(writer, plain(json.dumps({"data": [entry(peer)], "status_code": "1000"}).encode()))


FLAWS = ("versions list: status_code: is a number in a string", "versions list: timestamp: is missing")


async def test_an_envelope_that_is_not_right_is_read_and_noted():
    async with listening(undated) as peer:
        answer = await read_versions(peer.url())

        assert (len(answer.value), answer.flaws) == (1, FLAWS)


async def test_an_envelope_that_is_not_right_is_refused_by_a_strict_tenant():
    async with listening(undated) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url(), tolerances=STRICT)

        assert str(failure.value) == FLAWS[0]


@pytest.mark.parametrize("tolerances", [USUAL, STRICT])
async def test_a_list_in_order_needs_no_quirk(tolerances):
    async with listening(lists_as(lambda peer: [entry(peer)])) as peer:
        answer = await read_versions(peer.url(), tolerances=tolerances)

        assert (len(answer.value), answer.quirks) == (1, ())


async def test_a_url_that_leads_to_the_details_is_taken_for_a_list_of_one():
    """A24: the details are then read where the list should have been."""
    async with listening(offers(endpoint())) as peer, calling() as peers:
        listed = await peers.versions(peer.url(), TOKEN, HeaderForm.RAW, correlation_id="c")
        [(version, url)] = listed.value
        read = await peers.details(
            url, TOKEN, listed.form, dialect=DIALECT, versions_url=peer.url(), correlation_id="c"
        )

        assert (version, url) == (Version("2.2.1"), peer.url())
        assert [one.module for one in read.value] == ["locations"]
        assert listed.quirks == ("url_is_version_details",)


def details_in(shape, version="2.2.1"):
    async def answer(peer, writer):
        one = {"version": version, "endpoints": [endpoint(url=peer.url("/ocpi/locations"))]}
        await peer.write(writer, plain(envelope(shape(one))))

    return answer


def alone(details):
    return [details]


async def test_details_in_an_array_are_read_and_the_quirk_named():
    async with listening(details_in(alone)) as peer:
        answer = await read_details(peer.url())

        assert ([one.module for one in answer.value], answer.quirks) == (["locations"], ("details_wrapped_in_array",))


async def test_details_in_an_array_are_refused_by_a_strict_tenant():
    async with listening(details_in(alone)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_details(peer.url(), tolerances=STRICT)

        assert str(failure.value) == f"version details: {ODD}"
        assert failure.value.quirk == "details_wrapped_in_array"


async def test_in_2_0_an_array_is_in_order():
    """EN-03: the first edition shows it so."""
    async with listening(details_in(alone, version="2.0")) as peer:
        answer = await read_details(peer.url(), dialect=DIALECTS["2.0"], tolerances=STRICT)

        assert ([one.module for one in answer.value], answer.quirks) == (["locations"], ())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (lambda one: [one, one], "version details: the answer cannot be used: must be an object"),
        (lambda one: [], "version details: the answer cannot be used: must be an object"),
        (lambda one: [[one]], "version details: the answer cannot be used: must be an object"),
        (lambda one: {"details": one}, "version details: the answer cannot be used: version: is required"),
    ],
)
async def test_what_no_quirk_helps_names_none(shape, message):
    async with listening(details_in(shape)) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_details(peer.url())

        assert (str(failure.value), failure.value.quirk) == (message, None)


@pytest.mark.parametrize("tolerances", [USUAL, STRICT])
async def test_details_of_another_version_are_refused_and_the_quirk_named(tolerances):
    """VD-12."""
    async with listening(offers(endpoint(), version="2.2")) as peer:
        with pytest.raises(PeerVersionUnsupportedError) as refusal:
            await read_details(peer.url(), tolerances=tolerances)

        assert str(refusal.value) == "version details: they are of 2.2, not of 2.2.1"
        assert refusal.value.quirk == "accept_version_mismatch"


@pytest.mark.parametrize(
    ("answer", "quirks"),
    [
        (details_in(lambda one: one, version="2.2"), ("accept_version_mismatch",)),
        (details_in(alone, version="2.2"), ("details_wrapped_in_array", "accept_version_mismatch")),
        (details_in(lambda one: one), ()),
    ],
)
async def test_details_of_another_version_are_taken_with_the_quirk(answer, quirks):
    async with listening(answer) as peer:
        read = await read_details(peer.url(), tolerances=Tolerances(Quirks(accept_version_mismatch=True)))

        assert ([one.module for one in read.value], read.quirks) == (["locations"], quirks)


# --- the form of the header -------------------------------------------------------------------------------------------


REFUSED = plain(b"", status="401 Unauthorized")


@pytest.mark.parametrize(("fixed", "sent"), [(HeaderForm.RAW, RAW), (HeaderForm.BASE64, BASE64)])
@pytest.mark.parametrize("guessed", HeaderForm)
async def test_a_form_that_is_set_is_used_whatever_the_peer_itself_writes(fixed, sent, guessed):
    """A1, quirk auth_form_out."""
    async with listening(says(plain(envelope([])))) as peer:
        answer = await read_versions(
            peer.url(), form=guessed, tolerances=Tolerances(Quirks(auth_form_out=fixed), strict=True)
        )

        assert answer.form is fixed
        assert [one.all("authorization") for one in peer.received] == [[sent]]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize("fixed", HeaderForm)
async def test_a_form_that_is_set_is_not_tried_otherwise(fixed, status):
    async with listening(says(plain(b"", status=status), plain(envelope([])))) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url(), tolerances=Tolerances(Quirks(auth_form_out=fixed)))

        assert len(peer.received) == 1
        assert failure.value.quirk == "auth_form_out"


async def test_a_failure_that_is_not_about_the_token_names_no_quirk():
    async with listening(says(plain(b"", status="500 Oops"))) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url(), tolerances=Tolerances(Quirks(auth_form_out=HeaderForm.RAW)))

        assert failure.value.quirk is None


async def test_details_are_read_in_the_form_that_is_set():
    async with listening(offers(endpoint())) as peer:
        answer = await read_details(
            peer.url(), form=HeaderForm.BASE64, tolerances=Tolerances(Quirks(auth_form_out=HeaderForm.RAW))
        )

        assert answer.form is HeaderForm.RAW
        assert peer.received[0].all("authorization") == [RAW]


@pytest.mark.parametrize("code", [2000, 3000])
async def test_an_error_may_be_about_the_form_while_that_is_not_known(code):
    """A7: platforms that cannot read the token say so in an envelope; while they call us, they are not asked twice."""
    refusal = json.dumps({"status_code": code, "timestamp": "2026-03-02T09:15:00Z"}).encode()
    async with listening(says(plain(refusal), plain(envelope([])))) as peer:
        answer = await read_versions(peer.url(), tolerances=Tolerances(doubts_form=True))

        assert answer.form is HeaderForm.RAW
        assert [request.all("authorization") for request in peer.received] == [[BASE64], [RAW]]
    async with listening(says(plain(refusal), plain(envelope([])))) as peer:
        with pytest.raises(CallbackError, match=f"status code {code}$"):
            await read_versions(peer.url())

        assert len(peer.received) == 1


# --- pages ------------------------------------------------------------------------------------------------------------


def pages(*pages, last_leads_to=None):
    """Each page is the versions that it lists; "?page=1" leads to the second."""

    async def answer(peer, writer):
        number = int((peer.received[-1].target.partition("page=")[2]) or 0)
        more = number + 1 < len(pages)
        link = peer.url(f"/ocpi/versions?page={number + 1}") if more else last_leads_to
        headers = [f'Link: <{link}>; rel="next"'] if link else []
        await peer.write(writer, plain(envelope([entry(peer, version) for version in pages[number]]), *headers))

    return answer


def versions(answer):
    return [str(version) for version, _ in answer.value]


async def test_pages_of_a_version_list_are_followed():
    async with listening(pages(["2.0"], ["2.1.1", "2.2"], ["2.2.1"])) as peer:
        answer = await read_versions(peer.url())

        assert sorted(versions(answer)) == ["2.0", "2.1.1", "2.2", "2.2.1"]
        assert [one.target for one in peer.received] == [
            "/ocpi/versions",
            "/ocpi/versions?page=1",
            "/ocpi/versions?page=2",
        ]


async def test_each_page_is_asked_for_like_the_first():
    async with listening(pages(["2.0"], ["2.2.1"])) as peer:
        await read_versions(peer.url(), form=HeaderForm.RAW)

        first, second = peer.received
        assert first.all("authorization") == second.all("authorization") == [RAW]
        assert first.all("x-correlation-id") == second.all("x-correlation-id") == ["corr-1"]
        assert first.all("x-request-id") != second.all("x-request-id")


@pytest.mark.parametrize("link", ["/ocpi/versions?page=1", "?page=1"])
async def test_a_page_may_be_named_relative_to_the_one_before(link):
    async def answer(peer, writer):
        first = len(peer.received) == 1
        headers = [f'Link: <{link}>; rel="next"'] if first else []
        await peer.write(writer, plain(envelope([entry(peer, "2.0" if first else "2.2.1")]), *headers))

    async with listening(answer) as peer:
        assert sorted(versions(await read_versions(peer.url()))) == ["2.0", "2.2.1"]
        assert peer.received[1].target == "/ocpi/versions?page=1"


async def test_of_a_version_on_two_pages_the_first_counts():
    """A26."""

    async def answer(peer, writer):
        number = len(peer.received)
        listed = {"version": "2.2.1", "url": peer.url(f"/{number}")}
        headers = ['Link: <?page=1>; rel="next"'] if number == 1 else []
        await peer.write(writer, plain(envelope([listed]), *headers))

    async with listening(answer) as peer:
        answered = await read_versions(peer.url())

        assert answered.value == ((Version("2.2.1"), peer.url("/1")),)


async def test_a_list_that_never_ends_is_followed_for_ten_pages():
    async def answer(peer, writer):
        await peer.write(writer, plain(envelope([entry(peer)]), 'Link: </ocpi/versions>; rel="next"'))

    async with listening(answer) as peer:
        answered = await read_versions(peer.url())

        assert versions(answered) == ["2.2.1"]
        assert len(peer.received) == 10


@pytest.mark.parametrize(
    "header",
    [
        'Link: <?page=1>; rel="prev"',
        'Link: <?page=1>; rel="last"',
        "Link: ?page=1",
        "Link: ;;;",
        'Link: <>; rel="next"',
        'Link: <https://[::1/>; rel="next"',
        "X-Next: ?page=1",
    ],
)
async def test_what_is_no_link_to_a_next_page_is_not_followed(header):
    async with listening(lists_with(header)) as peer:
        assert versions(await read_versions(peer.url())) == ["2.2.1"]
        assert len(peer.received) == 1


def lists_with(*headers):
    async def answer(peer, writer):
        await peer.write(writer, plain(envelope([entry(peer)]), *headers))

    return answer


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("https://collector.example/", "Link is on collector.example, a site other than that of the versions list"),
        ("http://peer.example/", "Link must be an https URL"),
        ("https://user@peer.example/", "Link must not contain a user name or a password"),
        ("ftp://127.0.0.1/", "Link must be an absolute https URL"),
        (f"/?t={TOKEN.reveal()}", "Link must not contain the token"),
    ],
)
async def test_a_page_elsewhere_is_not_asked_for(link, message):
    """F9: whoever is asked gets the token."""
    async with listening(lists_with(f'Link: <{link}>; rel="next"')) as peer:
        with pytest.raises(CallbackError) as failure:
            await read_versions(peer.url())

        assert str(failure.value) == f"versions list: {message}"
        assert len(peer.received) == 1


@pytest.mark.parametrize(
    "second",
    [
        plain(b"", status="404 Not Found"),
        plain(b"<html>"),
        plain(envelope(code=3000)),
        plain(envelope({"versions": {}})),
    ],
)
async def test_a_page_that_cannot_be_read_fails_the_whole(second):
    """Or the version that is looked for would be missing for no good reason."""
    first = plain(envelope([]), 'Link: <?page=1>; rel="next"')
    async with listening(says(first, second)) as peer:
        with pytest.raises(CallbackError):
            await read_versions(peer.url())


async def test_details_have_no_pages():
    async def answer(peer, writer):
        details = {"version": "2.2.1", "endpoints": [endpoint(url=peer.url("/locations"))]}
        await peer.write(writer, plain(envelope(details), 'Link: <?page=1>; rel="next"'))

    async with listening(answer) as peer:
        await read_details(peer.url())

        assert len(peer.received) == 1
