"""Version lists and details that come compressed or marked, although nobody asked for that: in both directions."""

import gzip
import zlib
from codecs import BOM_UTF8

import pytest

from tests.integration.announcing_peers import on_sqlite
from tests.integration.field.links import linked
from tests.integration.field.partner import Partner, always, http, said
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, on_sqlite]

BOMB = b" " * (2 << 20)
"""More than an answer may have: what comes before it could be read."""

UNDONE = {
    "gzip": (gzip.compress, "Content-Encoding: gzip"),
    "deflate": (zlib.compress, "Content-Encoding: deflate"),
    "gzip without a word": (gzip.compress, "X-Nothing: special"),
    "a byte order mark": (lambda body: BOM_UTF8 + body, "X-Nothing: special"),
}
REFUSED = {
    "something else": (lambda body: b"\x0b\x80" + body, "Content-Encoding: br"),
    "too much": (lambda body: gzip.compress(body + BOMB), "Content-Encoding: gzip"),
    "deflated too much": (lambda body: zlib.compress(body + BOMB), "Content-Encoding: deflate"),
    "something broken": (lambda body: b"\x1f\x8b" + body, "Content-Encoding: gzip"),
}


def packs(partner: Partner, resource: str, row: tuple[object, str]) -> None:
    change, header = row
    data = partner.versions() if resource == "versions" else partner.details()
    partner.says[resource] = always(http(200, change(said(data)), header))  # type: ignore[operator]


@pytest.mark.parametrize("resource", ["versions", "details"])
@pytest.mark.parametrize("how", UNDONE)
@pytest.mark.parametrize("version", ["2.1.1", "2.2.1"])
async def test_it_is_undone(stack: Stack, version: str, how: str, resource: str) -> None:
    async with linked(stack, version) as link:
        packs(link.partner, resource, UNDONE[how])

        sender = await link.registered()
        await sender.rotate()
        await sender.versions()
        assert not (await link.rotate()).HasField("job")


@pytest.mark.parametrize("resource", ["versions", "details"])
@pytest.mark.parametrize("how", REFUSED)
async def test_it_is_refused_where_it_cannot_be_undone_within_bounds(stack: Stack, how: str, resource: str) -> None:
    async with linked(stack) as link:
        packs(link.partner, resource, REFUSED[how])
        sender = await link.invited()
        await sender.discover()

        assert (await sender.post()).outcome == (200, 3001)
        assert not (await link.peer()).parties
