"""Compressed answers: undone within bounds, whatever the header says of them (F12)."""

import gzip
import json
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.outbound.encodings import MOST_LAYERS, EncodingError, undone
from tests.strategies import settled

PLAIN = json.dumps({"status_code": 1000, "data": {"token": "theirs-0a1b2c3d4e5f", "roles": list(range(50))}}).encode()
BOM = b"\xef\xbb\xbf"
LIMIT = 1 << 20
MOST = 4 << 20


def framed(body):
    return zlib.compress(body)


def bare(body, level=9):
    writer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return writer.compress(body) + writer.flush()


def bare_in_gzip(body):
    return gzip.compress(bare(body))


def gzip_twice(body):
    return gzip.compress(gzip.compress(body))


@pytest.mark.parametrize("plain", [PLAIN, BOM + PLAIN, b"[]", b"", b'"x"', b"<html>", "Fjordstrøm".encode("utf-16")])
@pytest.mark.parametrize(
    ("header", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("identity, gzip, ", gzip.compress),
        ("deflate", framed),
        ("deflate", bare),
        ("gzip, gzip", gzip_twice),
        ("deflate, gzip", bare_in_gzip),
        # Told wrongly, or not at all.
        ("", gzip.compress),
        ("identity", gzip.compress),
        ("deflate", gzip.compress),
        ("br", gzip.compress),
        ("gzip", framed),
        ("gzip", bare),
        ("gzip", gzip_twice),
    ],
)
def test_what_is_compressed_is_undone(header, compress, plain):
    assert undone(header, compress(plain), LIMIT) == plain


def test_a_coding_too_many_in_the_header_does_no_harm():
    assert undone("gzip, gzip", gzip.compress(PLAIN), LIMIT) == PLAIN


@pytest.mark.parametrize("plain", [PLAIN, BOM + PLAIN, b" \r\n" + PLAIN, b"", b'"x"', b"<html></html>", b"[ ]"])
@pytest.mark.parametrize("header", ["", "identity", "gzip", "deflate", "UTF-8", "br", "none", "gzip, gzip"])
def test_what_is_plain_stays_as_it_is(header, plain):
    """Also where the header claims a coding, known or not."""
    assert undone(header, plain, LIMIT) == plain


@pytest.mark.parametrize("size", [50, 70, 100])
@pytest.mark.parametrize(("header", "compress"), [("gzip", gzip.compress), ("deflate", framed), ("deflate", bare)])
def test_what_was_cut_off_is_undone_as_far_as_it_goes(header, compress, size):
    found = undone(header, compress(PLAIN)[:size], LIMIT)

    assert found
    assert PLAIN.startswith(found)
    assert found != PLAIN


def test_members_follow_each_other():
    assert undone("gzip", gzip.compress(PLAIN[:30]) + gzip.compress(PLAIN[30:]), LIMIT) == PLAIN


def test_what_follows_that_is_none_is_not_looked_at():
    assert undone("gzip", gzip.compress(PLAIN) + b"\x00" * 100, LIMIT) == PLAIN


@pytest.mark.parametrize(
    ("header", "body", "said"),
    [
        ("br", b"\x1b\x2d\x00\xf8", "compressed as br, which was not asked for"),
        ("zstd", b"\x28\xb5\x2f\xfd", "compressed as zstd, which was not asked for"),
        ("a" * 100, b"\x01\x02", "compressed as something unknown"),
        ("canary secret", b"\x01\x02", "compressed as something unknown"),
        ("gzip", b"\xff" * 40, "not in the compression that it claims"),
        ("deflate", b"\xff" * 40, "not in the compression that it claims"),
        ("", b"\x1f\x8b" + b"\xff" * 40, "not in the compression that it claims"),
        (", ".join(["gzip"] * (MOST_LAYERS + 1)), b"{}", f"more than {MOST_LAYERS} times"),
    ],
)
def test_what_cannot_be_undone_is_said(header, body, said):
    with pytest.raises(EncodingError, match=said):
        undone(header, body, LIMIT)


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize(("header", "compress"), [("gzip", gzip.compress), ("deflate", framed), ("deflate", bare)])
def test_the_limit_is_that_of_what_comes_out(header, compress, size):
    body = compress(b"[" + b" " * (size - 1))

    if size <= LIMIT:
        assert len(undone(header, body, LIMIT)) == size
    else:
        with pytest.raises(EncodingError, match=f"more than {LIMIT} bytes"):
            undone(header, body, LIMIT)


def test_the_limit_holds_for_all_members_together():
    with pytest.raises(EncodingError, match="more than"):
        undone("gzip", gzip.compress(b"a" * LIMIT) + gzip.compress(b"a"), LIMIT)


HOSTILE = {
    "a bomb": lambda: gzip.compress(b"\x00" * (64 << 20)),
    "a bomb in a bomb": lambda: gzip.compress(gzip.compress(b"\x00" * (64 << 20)) * 40),
    "members without end": lambda: gzip.compress(b"") * (MOST // 20),
    "a bare bomb": lambda: bare(b"\x00" * (64 << 20)),
    "stored blocks of nothing": lambda: b"\x1f\x8b\x08" + b"\x00" * 7 + b"\x00\x00\x00\xff\xff" * (MOST // 5),
    "noise": lambda: b"\xa5\x5a" * (MOST // 2),
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("header", ["", "gzip", "deflate", "gzip, gzip", "deflate, deflate"])
def test_the_worst_that_fits_is_undone_in_time_and_in_bounds(made, header):
    body = made()[:MOST]
    began = time.perf_counter()

    try:
        found = undone(header, body, MOST)
    except EncodingError:
        found = b""

    assert len(found) <= MOST
    assert time.perf_counter() - began < 10


@settled
@given(
    header=st.sampled_from(["", "gzip", "deflate", "br", "gzip, deflate", "\x00", ",,"]),
    prefix=st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"\x78\x9c", b"{"]),
    rest=st.binary(max_size=200),
)
def test_no_bytes_make_it_fail_otherwise(header, prefix, rest):
    try:
        found = undone(header, prefix + rest, 1000)
    except EncodingError:
        return
    assert len(found) <= max(1000, len(prefix + rest))


@settled
@given(plain=st.dictionaries(st.text(max_size=5), st.text(max_size=30)), level=st.integers(0, 9), mark=st.booleans())
def test_every_document_survives_every_coding(plain, level, mark):
    body = (BOM if mark else b"") + json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")

    for header in ("gzip", "deflate"):
        for packed in (gzip.compress(body, level), zlib.compress(body, level), bare(body, level)):
            assert undone(header, packed, LIMIT) == body
