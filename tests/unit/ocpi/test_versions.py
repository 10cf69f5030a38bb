"""The version list: a peer's list is read as far as it makes sense (VL-02 to VL-05, VL-08, A25, A26)."""

import pytest

from broker.core.model import Version
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Malformed
from broker.ocpi.fields import Notes
from broker.ocpi.versions import read_versions, write_versions
from tests.unit.ocpi.examples import data

URL = "https://peer.example/v"
KNOWN = ((Version("2.2.1"), URL),)


def entry(version="2.2.1", url=URL):
    return {"version": version, "url": url}


@pytest.mark.parametrize(
    ("listed", "read"),
    [
        ([entry()], KNOWN),
        ([], ()),
        ([entry(), entry(url=URL + "2")], KNOWN),
        ([entry("9.9"), entry()], ((Version("9.9"), URL), *KNOWN)),
        ([entry("2.2.1-d2"), entry(2.2), entry(None), entry("latest"), entry()], KNOWN),
        ([entry(url=None), entry(url="/2.2.1"), entry(url=7), entry()], KNOWN),
        ([None, "2.2.1", [], {}, entry()], KNOWN),
    ],
)
def test_entries_are_read_if_they_can_be_understood(listed, read):
    assert read_versions(listed, Notes()) == read


def test_what_is_skipped_is_noted():
    """VL-05: whoever misses a version in the list wants to know why."""
    notes = Notes()

    read_versions([entry(), entry("latest"), entry(url="/2.2.1"), None], notes)

    assert [note.split(":")[0] for note in notes.taken()] == ["[1].version", "[2].url", "[3]"]
    assert all(note.endswith("; the entry was skipped") for note in notes.taken())


def test_versions_are_counted_before_they_are_looked_at():
    assert read_versions([{}] * 1000, Notes()) == ()

    with pytest.raises(Malformed, match="must have at most 1000 entries"):
        read_versions([{}] * 1001, Notes())


@pytest.mark.parametrize(
    "listed", [None, "2.2.1", 5, {}, {"versions": [entry()]}, entry(), {"version": "2.2.1", "endpoints": []}]
)
def test_what_is_no_list_is_refused(listed):
    """Shapes that some platforms answer all the same are shapes.py's."""
    with pytest.raises(Malformed, match="must be a list"):
        read_versions(listed, Notes())


@pytest.mark.parametrize("version", DIALECTS)
def test_an_example_is_written_as_it_was_read(version):
    listed = data(version, "versions")

    assert write_versions(read_versions(listed, Notes())) == listed
