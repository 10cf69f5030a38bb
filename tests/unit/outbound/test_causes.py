"""Why a call has failed, and how long a peer wants to be left alone."""

import errno
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from broker.outbound.addresses import ForbiddenAddressError, UnresolvedError
from broker.outbound.causes import DAY, lasts, of_failure, of_status, retry_after, waiting

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def caused(error, by):
    error.__cause__ = by
    return error


def unverified(code, message="odd"):
    error = ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")
    error.verify_code, error.verify_message = code, message
    return caused(httpx.ConnectError("all failed"), error)


def tls(reason):
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return caused(httpx.ConnectError("x"), error)


def refused(number):
    return caused(httpx.ConnectError("x"), caused(OSError("all attempts failed"), OSError(number, "x")))


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (unverified(10), "expired"),
        (unverified(9), "not valid yet"),
        (unverified(18), "self-signed"),
        (unverified(19), "authority that is not trusted"),
        (unverified(20), "authority that is trusted here"),
        (unverified(62), "another host name"),
        (unverified(64), "not for this address"),
        (unverified(99, "odd indeed"), "odd indeed"),
        (tls("WRONG_VERSION_NUMBER"), "plain http"),
        (tls("UNSUPPORTED_PROTOCOL"), "TLS of version 1.2"),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "client certificate"),
        (tls("SOMETHING_ELSE"), "something else"),
        (tls(None), "no reason given"),
        (caused(UnresolvedError("x"), socket.gaierror(-2, "x")), "cannot be resolved"),
        (caused(UnresolvedError("x"), TimeoutError()), "name server"),
        (UnresolvedError("x"), "no address is known"),
        (ForbiddenAddressError("x"), "must not be called"),
        (refused(errno.ECONNREFUSED), "was refused"),
        (refused(errno.ECONNRESET), "was reset"),
        (refused(errno.ENETUNREACH), "no route"),
        (caused(httpx.ConnectError("x"), ExceptionGroup("x", [OSError(errno.ECONNREFUSED, "x")])), "was refused"),
        (httpx.ConnectTimeout("x"), "within 3 seconds"),
        (TimeoutError(), "has taken the connection"),
        (httpx.ReadTimeout("x"), "has taken the connection"),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), "without an answer"),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), "middle"),
        (httpx.RemoteProtocolError("illegal status line"), "not HTTP"),
        (caused(httpx.ReadError("x"), ConnectionResetError(errno.ECONNRESET, "x")), "reset the connection"),
        (httpx.ReadError("x"), "broke"),
    ],
)
def test_each_failure_has_words_of_its_own(error, word):
    assert word in of_failure(error, 3.0)


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (unverified(10), True),
        (unverified(19), True),
        (unverified(62), True),
        (tls("WRONG_VERSION_NUMBER"), True),
        (tls("NO_PROTOCOLS_AVAILABLE"), True),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True),
        (ForbiddenAddressError("x"), True),
        (caused(UnresolvedError("x"), socket.gaierror(socket.EAI_NONAME, "x")), True),
        # An outage, or a name server that is slow.
        (tls("UNEXPECTED_EOF_WHILE_READING"), False),
        (tls(None), False),
        (caused(UnresolvedError("x"), socket.gaierror(socket.EAI_AGAIN, "x")), False),
        (caused(UnresolvedError("x"), TimeoutError()), False),
        (refused(errno.ECONNREFUSED), False),
        (refused(errno.ENETUNREACH), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.ReadTimeout("x"), False),
        (httpx.RemoteProtocolError("illegal status line"), False),
    ],
)
def test_a_name_an_address_or_a_certificate_is_not_mended_by_waiting(error, lasting):
    assert lasts(error) is lasting


def test_a_failure_to_connect_of_an_unknown_kind_has_none():
    assert of_failure(httpx.ConnectError("x"), 3.0) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 429, 500, 501, 502, 503, 504])
def test_each_status_has_words_of_its_own(status):
    others = {of_status(other, "PUT") for other in range(400, 600) if other != status}

    assert of_status(status, "PUT") not in others


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "600", 600),
        (503, " 0 ", 0),
        (429, str(10**9), DAY),
        (429, format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (503, format_datetime(NOW + timedelta(days=9), usegmt=True), DAY),
        (503, format_datetime(NOW - timedelta(days=9), usegmt=True), 0),
        (503, "Mon, 05 Jan 2026 10:01:00 -0000", 60),
        (429, None, None),
        (429, "", None),
        (429, "-5", None),
        (429, "soon", None),
        (429, "9" * 400, None),
        (429, "Mon, 99 Jan 2026 10:01:00 GMT", None),
        (500, "600", None),
        (301, "600", None),
        (200, "600", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(status, value, seconds):
    assert retry_after(status, value, NOW) == seconds


def test_the_time_is_told():
    assert waiting(429, "GET", 600) == "it has had too many requests, and wants no more for 600 seconds (Retry-After)"
    assert waiting(429, "GET", None) == "it has had too many requests"
    assert waiting(418, "GET", None) is None


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 01 Jan 2024 00:00:00 +9999999999999999",
        "Mon, 01 Jan 999999999999999999999 00:00:00 GMT",
        "soon",
        "-1",
        "",
    ],
)
def test_a_retry_after_that_makes_no_sense_is_none(value):
    assert retry_after(429, value, NOW) is None
