"""How faults are told, and what is said about those that cannot be."""

import pytest

from broker.tools.mock_peer.faults import CATALOGUE, Fault, Faults, Place, parse


def armed(*texts: str) -> tuple[Faults, list[tuple[str, Place]]]:
    struck: list[tuple[str, Place]] = []
    faults = Faults(lambda fault, place: struck.append((fault.name, place)))
    for text in texts:
        faults.add(text)
    return faults, struck


@pytest.mark.parametrize(
    ("text", "argument", "places", "times"),
    [
        ("drop-answer", "", {Place.POST, Place.PUT, Place.DELETE}, None),
        ("drop-answer@PUT", "", {Place.PUT}, None),
        ("drop-answer@put*2", "", {Place.PUT}, 2),
        ("slow:0.5@callback", "0.5", {Place.CALLBACK}, None),
        ("missing-module:locations*1", "locations", {Place.DETAILS}, 1),
        ("redirect:http://127.0.0.1:1/x", "http://127.0.0.1:1/x", {Place.POST, Place.PUT, Place.DELETE}, None),
        ("wrong-envelope", "missing", {Place.POST, Place.PUT, Place.DELETE}, None),
        ("  hang-up  ", "", {Place.POST, Place.PUT, Place.DELETE}, None),
    ],
)
def test_a_fault_is_read(text: str, argument: str, places: set[Place], times: int | None) -> None:
    fault = parse(text)

    assert (fault.argument, fault.places, fault.times) == (argument, places, times)


@pytest.mark.parametrize("text", ["drop-answer", "slow:2@callback*3", "missing-module:locations", "refuse:2001@PUT"])
def test_a_fault_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no fault"),
        ("drop answer", "is no fault"),
        ("drop-answer*0", "is no fault"),
        ("drop-answers", "there are drop-answer, drop-after-headers"),
        ("drop-answer:1", "takes no argument"),
        ("slow", "write slow:SECONDS"),
        ("slow:soon", "SECONDS is a number"),
        ("slow:nan", "SECONDS is a number"),
        ("slow:99999", "SECONDS is a number"),
        ("refuse:1000", "CODE is an OCPI status code from 2000 on"),
        ("http:99", "STATUS is an HTTP status"),
        ("huge:1.5", "MEGABYTES is a whole number"),
        ("no-token@versions", "it can at POST, PUT"),
        ("drop-answer@nowhere", "it can at POST, PUT, DELETE, versions, details, callback"),
    ],
)
def test_what_cannot_be_told_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)

    assert sentence in str(refused.value)


def test_every_usual_place_is_possible() -> None:
    assert [kind.name for kind in CATALOGUE.values() if not kind.usual <= kind.possible or not kind.usual] == []


def test_a_fault_strikes_where_it_was_told_and_as_often() -> None:
    faults, struck = armed("truncate@PUT*2")

    hits = [faults.strike("truncate", (place,)) is not None for place in (Place.POST, *[Place.PUT] * 3)]

    assert hits == [False, True, True, False]
    assert struck == [("truncate", Place.PUT)] * 2
    assert faults.armed == ()


def test_what_is_left_of_a_fault_is_said() -> None:
    faults, _ = armed("truncate@PUT*3", "html")
    faults.strike("truncate", (Place.PUT,))

    assert faults.armed == ("truncate@PUT*2", "html")


def test_a_fault_without_a_number_stays_until_it_is_removed() -> None:
    faults, _ = armed("html", "truncate")
    assert all(faults.strike("html", (Place.POST,)) for _ in range(5))

    faults.remove("html")
    assert faults.strike("html", (Place.POST,)) is None
    assert faults.armed == ("truncate",)

    faults.remove()
    assert faults.armed == ()


def test_removing_a_fault_that_does_not_exist_is_an_error() -> None:
    faults, _ = armed()

    with pytest.raises(ValueError, match="there is no fault"):
        faults.remove("htlm")


def test_a_fault_is_armed_from_its_value_too() -> None:
    faults, _ = armed()

    assert isinstance(faults.add(parse("html*1")), Fault)
    assert faults.armed == ("html*1",)
