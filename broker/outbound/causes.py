"""Why a call to another platform has failed, in words for operators: as far as it was observed, and no further.

None of it is for a peer that has named the URL: to it, whatever keeps us from connecting looks the same (F9).
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType

import httpx

from broker.outbound.addresses import ForbiddenAddressError, UnresolvedError, causes, is_tls_failure

DAY = 24 * 3600.0
"""Longest time in seconds for which a platform can have itself left alone (Retry-After)."""

_SECONDS = re.compile(r"[0-9]{1,12}")
_ASKING_TO_WAIT = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

# OpenSSL's X509_V_ERR_… (x509_vfy.h), as ssl.SSLCertVerificationError.verify_code has them.
_CERTIFICATE = MappingProxyType(
    {
        2: "its certificate is not signed by an authority that is trusted here, or it does not send the one between",
        9: "its certificate is not valid yet; is the clock right?",
        10: "its certificate has expired",
        18: "its certificate is self-signed, and no authority that is trusted here stands for it",
        19: "its certificate comes from an authority that is not trusted here",
        20: "its certificate is not signed by an authority that is trusted here, or it does not send the one between",
        21: "its certificate is not signed by an authority that is trusted here, or it does not send the one between",
        23: "its certificate has been revoked",
        62: "its certificate is for another host name",
        64: "its certificate is not for this address",
    }
)
_PLAIN_HTTP = "what answers there does not speak TLS; is it plain http?"
_OLD_TLS = "it speaks no TLS of version 1.2 or newer"
_CLIENT_CERTIFICATE = "it wants a client certificate, which OCPI does not know"
_TLS = MappingProxyType(
    {
        "WRONG_VERSION_NUMBER": _PLAIN_HTTP,
        "HTTP_REQUEST": _PLAIN_HTTP,
        "PACKET_LENGTH_TOO_LONG": _PLAIN_HTTP,
        "RECORD_LAYER_FAILURE": _PLAIN_HTTP,
        "UNSUPPORTED_PROTOCOL": _OLD_TLS,
        "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
        "NO_PROTOCOLS_AVAILABLE": _OLD_TLS,
        "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT_CERTIFICATE,
        "UNEXPECTED_EOF_WHILE_READING": "it closed the connection during the TLS handshake",
    }
)
_LASTING = frozenset({_PLAIN_HTTP, _OLD_TLS, _CLIENT_CERTIFICATE})
_SYSTEM = MappingProxyType(
    {
        errno.ECONNREFUSED: "the connection was refused; nothing listens at that port",
        errno.ECONNRESET: "the connection was reset",
        errno.EHOSTUNREACH: "there is no route to its address",
        errno.ENETUNREACH: "there is no route to its address",
        errno.ETIMEDOUT: "it did not take the connection in time",
    }
)
_STATUS = MappingProxyType(
    {
        400: "it takes the request for a bad one",
        401: "it does not take the token",
        403: "it does not admit us with this token, or from our address",
        404: "it has nothing at this URL",
        405: "it does not offer {method} there",
        406: "it does not answer in JSON there",
        409: "it sees a conflict with what it has; it may have us registered already",
        410: "what was at this URL is gone",
        413: "it takes the request for too large",
        415: "it does not take JSON there",
        422: "it understands the request, and does not accept what is in it",
        429: "it has had too many requests",
        500: "something went wrong in its server",
        501: "it has not implemented {method}",
        502: "a proxy before it could not reach it",
        503: "it is out of service for now",
        504: "a proxy before it waited for it in vain",
    }
)


def of_failure(error: BaseException, connecting: float) -> str | None:
    """Why there is no answer. connecting is for how many seconds we have tried to connect."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) or is_tls_failure(error):
        return _of_connecting(error, connecting)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "it has taken the connection"
    return _of_answer(error)


def _of_connecting(error: BaseException, seconds: float) -> str | None:
    if isinstance(error, ForbiddenAddressError):
        return "its host name leads to an address that must not be called, such as a private one"
    if isinstance(error, UnresolvedError):
        return _of_name(error)
    tls = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return _of_tls(tls)
    if isinstance(error, httpx.ConnectTimeout):
        return f"it did not take the connection within {seconds:g} seconds"
    return _of_system(error)


def lasts(error: BaseException) -> bool:
    """Whether somebody has to do something before another call can go better: a name, an address, a certificate."""
    if isinstance(error, ForbiddenAddressError):
        return True
    if isinstance(error, UnresolvedError):
        return any(getattr(cause, "errno", None) == socket.EAI_NONAME for cause in causes(error))
    tls = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLError)), None)
    return isinstance(tls, ssl.SSLCertVerificationError) or (tls is not None and _of_tls(tls) in _LASTING)


def of_status(status: int, method: str) -> str | None:
    """What an HTTP status means; None for one that says no more than its number."""
    told = _STATUS.get(status)
    return told.format(method=method) if told else None


def retry_after(status: int, value: str | None, now: datetime) -> float | None:
    """The seconds for which it wants to be left alone (RFC 9110, 10.2.3), a day at most; None if it did not say."""
    if status not in _ASKING_TO_WAIT or value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), DAY)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=now.tzinfo)
    return min(max((moment - now).total_seconds(), 0.0), DAY)


def waiting(status: int, method: str, seconds: float | None) -> str | None:
    """The cause of a status, with the time for which it wants to be left alone."""
    cause = of_status(status, method)
    if seconds is None:
        return cause
    return f"{cause or 'it is busy'}, and wants no more for {seconds:.0f} seconds (Retry-After)"


def _of_name(error: BaseException) -> str:
    if any(isinstance(cause, TimeoutError) for cause in causes(error)):
        return "no name server has told its address in time"
    if any(isinstance(cause, socket.gaierror) for cause in causes(error)):
        return "its host name cannot be resolved; no address is known for it"
    return "no address is known for its host name"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        told = _CERTIFICATE.get(error.verify_code)
        return told or f"its certificate was not accepted: {error.verify_message}"
    return _TLS.get(error.reason or "", f"TLS failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}")


def _of_system(error: BaseException) -> str | None:
    numbers = (found for cause in _all(error) if (found := getattr(cause, "errno", None)))
    return next((_SYSTEM[number] for number in numbers if number in _SYSTEM), None)


def _all(error: BaseException) -> Iterator[BaseException]:
    """The causes, and those of each address that was tried."""
    for cause in causes(error):
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            for one in cause.exceptions:
                yield from _all(one)


def _of_answer(error: BaseException) -> str | None:
    if any(getattr(cause, "errno", None) == errno.ECONNRESET for cause in causes(error)):
        return "it reset the connection before its answer was complete"
    text = str(error)
    if "without sending a response" in text:
        return "it closed the connection without an answer in HTTP"
    if "complete message body" in text:
        return "it closed the connection in the middle of its answer"
    if isinstance(error, httpx.RemoteProtocolError):
        return "what it answers is not HTTP"
    return "the connection broke before its answer was complete"
