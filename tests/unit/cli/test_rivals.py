"""Lines of one file that cannot both be taken over, and what is said of the later one."""

from base64 import b64encode

import pytest

from broker.cli.portable_files import Line
from broker.cli.rivals import Rival, Rivals
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from ocpi_broker.v1.peer_service_pb2 import PortablePeer
from ocpi_broker.v1.resources_pb2 import ROLE_CPO, Party

HELD, ISSUED = "held-by-the-first", "issued-to-the-first"
OURS = minting.mint(SecretKind.ISSUED_TOKEN)
HASH = minting.fingerprint(Pepper("one", b"k" * 32), SecretKind.ISSUED_TOKEN, OURS)


def party(text):
    return Party(country_code="DE", party_id=text, role=ROLE_CPO)


def line(number, name="first", tenant="acme", **changes):
    fields = {"held_token": HELD, "issued_token": ISSUED, "parties": [party("KWL")]}
    return Line(number, name, tenant, PortablePeer(**{"peer_id": name, **fields, **changes}))


def other(**changes):
    """A line that has nothing in common with the first one."""
    fields = {"held_token": "held-by-another", "issued_token": "issued-to-another", "parties": [party("ABC")]}
    return line(2, **{"name": "other", **fields, **changes})


def encoded(text):
    return b64encode(text.encode()).decode()


def rivals(*lines):
    found = Rivals()
    return [found.of(one) for one in lines][-1]


READS_THE_SAME = "issued_token: line 1 has one that reads the same in a header"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (line(1), other(name="first"), "line 1 has the same name and another content"),
        (line(1), other(issued_token=ISSUED), "issued_token: line 1 has the same"),
        (line(1), other(issued_token=ISSUED, tenant="another"), "issued_token: line 1 has the same"),
        (line(1), other(issued_token=encoded(ISSUED)), READS_THE_SAME),
        (line(1), other(issued_token=encoded(f"{ISSUED}\r\n")), READS_THE_SAME),
        (line(1, issued_token=encoded(ISSUED)), other(issued_token=ISSUED), READS_THE_SAME),
        (line(1), other(held_token=ISSUED), "held_token: line 1 has it as its issued_token"),
        (line(1), other(issued_token=HELD), "issued_token: line 1 has it as its held_token"),
        (line(1), other(parties=[party("ABC"), party("KWL")]), "parties: line 1 has DE/KWL/CPO as well"),
        (
            line(1, issued_token=OURS),
            other(issued_token="", issued_token_hash=f"{HASH.lookup_id}:one:{'0' * 64}"),
            "issued_token_hash: line 1 has the same",
        ),
    ],
)
def test_the_later_one_is_told_what_the_first_one_has(first, second, reason):
    assert rivals(first, second) == [Rival(1, reason)]


@pytest.mark.parametrize(
    "second",
    [
        other(),
        other(held_token=HELD),
        other(held_token=ISSUED, tenant="another"),
        other(name="first", tenant="another"),
        other(parties=[party("KWL")], tenant="another"),
        other(issued_token="", held_token=""),
        other(issued_token="zeichen-\u00e4-zeichen"),
        Line(2, "first", "acme", reason="is wrong"),
    ],
)
def test_what_can_stand_beside_it(second):
    assert rivals(line(1), second) == []


def test_the_same_once_more_changes_nothing():
    assert rivals(line(1), line(2)) == [Rival(1, None)]


def test_every_earlier_one_is_a_rival_in_the_order_of_the_file():
    """One that is refused itself stands in nobody's way, so all of them are told."""
    assert [one.number for one in rivals(line(1), line(2, "second"), line(3, "third"))] == [1, 2]
