"""Answers to a POST or PUT that was carried out: each has a token in it, and something that is not as it should be."""

import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any

from tests.integration.field.partner import Answer, Heard, Partner, http, said
from tests.peer import FLAT

Written = Callable[[Partner, str], bytes]
"""The answer of a partner that gives this token."""


def odd(partner: Partner, written: Written) -> Answer:
    """Carries a POST or PUT out, and answers it like that."""

    def answer(heard: Heard) -> bytes:
        partner.given.append(heard.body["token"])
        return written(partner, partner.fresh())

    return answer


def _data(**changes: Any) -> Written:
    """A credentials object with changes; those to a field of the party are given as its name."""
    return lambda partner, token: http(200, said(_changed(partner, token, changes)))


def _changed(partner: Partner, token: str, changes: dict[str, Any]) -> dict[str, Any]:
    whole = partner.credentials(token)
    for name, value in changes.items():
        place = whole if name in ("token", "url", "roles", "hub_party_id") or partner.version in FLAT else None
        place = place if place is not None else whole["roles"][0]
        place[name] = value(token) if callable(value) else value
        if value is ...:
            del place[name]
    return whole


def _whole(**changes: Any) -> Written:
    """The envelope with changes."""

    def written(partner: Partner, token: str) -> bytes:
        envelope = {**json.loads(said(partner.credentials(token))), **changes}
        return http(200, json.dumps({name: value for name, value in envelope.items() if value is not ...}).encode())

    return written


def _body(change: Callable[[bytes], bytes], *headers: str, status: int = 200, missing: int = 0) -> Written:
    """The octets of the right body, changed; missing says how many the connection ends too early."""

    def written(partner: Partner, token: str) -> bytes:
        body = change(said(partner.credentials(token)))
        return http(status, body, *headers, length=len(body) + missing)

    return written


def _shaped(shape: Callable[[dict[str, Any]], object]) -> Written:
    return lambda partner, token: http(200, said(shape(partner.credentials(token))))


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _chunked(partner: Partner, token: str) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    return head + _in_chunks(gzip.compress(said(partner.credentials(token))))


def _cut_chunks(partner: Partner, token: str) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + _in_chunks(said(partner.credentials(token)))[:-7]


GZIP, DEFLATE = "Content-Encoding: gzip", "Content-Encoding: deflate"

SILENT: dict[str, Written] = {
    "a byte order mark": _body(lambda body: BOM_UTF8 + body),
    "gzip that nobody asked for": _body(gzip.compress, GZIP),
    "gzip by another name": _body(gzip.compress, "Content-Encoding: x-gzip"),
    "gzip without a word": _body(gzip.compress),
    "gzip twice": _body(lambda body: gzip.compress(gzip.compress(body)), "Content-Encoding: gzip, gzip"),
    "gzip of a mark": _body(lambda body: gzip.compress(BOM_UTF8 + body), GZIP),
    "gzip in chunks": _chunked,
    "gzip in the header alone": _body(lambda body: body, GZIP),
    "deflate": _body(zlib.compress, DEFLATE),
    "deflate without its frame": _body(_raw_deflate, DEFLATE),
    "HTTP 201": _body(lambda body: body, status=201),
    "blanks around it": _body(lambda body: b"\r\n " + body + b"\n"),
}
"""What is undone without a word."""

WARNED: dict[str, tuple[Written, str]] = {
    "no business_details": (_data(business_details=...), "business_details"),
    "business_details null": (_data(business_details=None), "business_details"),
    "business_details a string": (_data(business_details="Kabelwerk"), "business_details"),
    "business_details without a name": (_data(business_details={}), "business_details"),
    "a party id that is too long": (_data(party_id="KABELWERK"), "party_id"),
    "a party id that is a number": (_data(party_id=123), "party_id"),
    "a country that is none": (_data(country_code="Germany"), "country_code"),
    "no party at all": (_data(party_id=..., country_code=...), ""),
    "a url that is none": (_data(url="see above"), "url"),
    "no url": (_data(url=...), "url"),
    "a url elsewhere": (_data(url="http://127.0.0.2:1/versions"), "url"),
    "a url with the token": (_data(url=lambda token: f"http://127.0.0.1:1/{token}"), "url"),
    "blanks around the token": (_data(token=lambda token: f" {token}\n"), "token"),
    "nothing but a token": (_shaped(lambda whole: {"token": whole["token"]}), ""),
    "the token itself": (_shaped(lambda whole: whole["token"]), "token"),
    "a list": (_shaped(lambda whole: [whole]), "data"),
    "a box too many": (_shaped(lambda whole: {"credentials": whole}), "data"),
    "upper case": (_shaped(lambda whole: {"Token": whole["token"], "url": whole["url"]}), "token"),
    "no envelope": (lambda partner, token: http(200, json.dumps(partner.credentials(token)).encode()), "data"),
    "no status code": (_whole(status_code=...), "status_code"),
    "a status code of HTTP": (_whole(status_code=200), "status_code"),
    "a status code in a string": (_whole(status_code="1000"), "status_code"),
    "no timestamp": (_whole(timestamp=...), "timestamp"),
    "HTTP 500": (_body(lambda body: body, status=500), "HTTP 500"),
    "HTTP 404": (_body(lambda body: body, status=404), "HTTP 404"),
    "cut off in JSON": (_body(lambda body: body[:-5]), ""),
    "cut off on the line": (_body(lambda body: body, missing=9), "cut off"),
    "cut off on the line and in JSON": (_body(lambda body: body[:-9], missing=9), "cut off"),
    "gzip that was cut off": (_body(lambda body: gzip.compress(body, 0)[:-9], GZIP, missing=9), "cut off"),
    "chunks that were cut off": (_cut_chunks, "cut off"),
    "a comma too many": (_body(lambda body: body[:-1] + b",}"), ""),
    "the same name twice": (_body(lambda body: body[:-1] + b', "status_code": 1000}'), "twice"),
    "octets of another alphabet": (_body(lambda body: body.replace(b"said", b"gr\xfc\xdfe")), "UTF-8"),
    "a tab in a string": (_body(lambda body: body.replace(b"said", b"sa\tid")), ""),
    "not a number": (_body(lambda body: body[:-1] + b', "ms": NaN}'), ""),
}
"""The answer, and what its warnings speak of."""

WITH_ROLES_ONLY: dict[str, tuple[Written, str]] = {
    "no role": (_data(role=...), "role"),
    "a role in small letters": (_data(role="cpo"), "role"),
    "no roles": (_data(roles=[]), "roles"),
    "roles null": (_data(roles=None), "roles"),
    "roles a word": (_data(roles="CPO"), "roles"),
    "roles no list": (_shaped(lambda whole: {**whole, "roles": whole["roles"][0]}), "roles"),
    "roles of which one is none": (_shaped(lambda whole: {**whole, "roles": [7, *whole["roles"]]}), "roles[0]"),
    "the flat shape of before": (
        _shaped(lambda whole: {"token": whole["token"], "url": whole["url"], **_flat(whole["roles"][0])}),
        "",
    ),
}

CLOSED_ROLES_ONLY: dict[str, tuple[Written, str]] = {
    "a role that is none": (_data(role="CHARGER"), "role"),
}
"""In 2.3.0 that is OTHER, and so another party."""

FLAT_ONLY: dict[str, tuple[Written, str]] = {
    "the roles of later": (
        _shaped(
            lambda whole: {"token": whole["token"], "url": whole["url"], "roles": [{**_flat(whole), "role": "CPO"}]}
        ),
        "",
    ),
}


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("party_id", "country_code", "business_details")}


def _echoing(partner: Partner, _token: str) -> bytes:
    return http(200, said(partner.credentials(partner.given[-1])))


USELESS: dict[str, Written] = {
    "our own token": _echoing,
    "no token": _data(token=...),
    "the placeholder": _data(token="#NA"),
    "a token of other letters": _data(token="schl\u00fcssel und mehr"),
    "a token that is too long": _data(token="x" * 1025),
    "a word instead of the object": lambda _partner, _token: http(200, said("Success")),
    "nothing": lambda _partner, _token: http(200),
    "a page": lambda _partner, _token: http(200, b"<html>token</html>"),
    "a coding that nobody knows": _body(lambda body: b"\x0b\x80" + body[::-1], "Content-Encoding: br"),
    "gzip too often": _body(
        lambda body: gzip.compress(gzip.compress(gzip.compress(body))), "Content-Encoding: gzip, gzip, gzip"
    ),
    "gzip of far too much": _body(lambda body: gzip.compress(body + b" " * (5 << 20)), GZIP),
}
"""Without a token that can be used: the outcome stays unknown."""


REFUSALS: dict[str, Written] = {
    "a refusal with a token": _whole(status_code=2001),
    "an error of theirs with a token": _whole(status_code=3000),
}
"""The envelope decides: nothing was done, whatever stands beside its code."""
