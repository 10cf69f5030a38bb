"""Counting with closed lists of labels."""

import pytest

from broker.tally import BOUNDS, OTHER, Durations, Tally


def test_each_combination_is_counted():
    tally = Tally(["GET", "PUT"], ["200", "404"])
    for labels in (("GET", "200"), ("GET", "200"), ("PUT", "404")):
        tally.add(*labels)

    assert dict(tally.items()) == {("GET", "200"): 2, ("PUT", "404"): 1}


def test_what_is_made_up_counts_as_other_and_adds_nothing():
    tally = Tally(["GET"], ["200"])
    for number in range(1000):
        tally.add(f"X{number}", "200")
        tally.add("GET", f"{number}!")

    assert dict(tally.items()) == {(OTHER, "200"): 1000, ("GET", OTHER): 1000}


def test_names_that_operators_give_are_bounded_in_number():
    tally = Tally(["OK"], None, most=3)
    for number in range(10):
        tally.add("OK", f"tenant-{number}")
    tally.add("OK", "tenant-1")

    counts = dict(tally.items())
    assert counts["OK", "tenant-1"] == 2
    assert counts[OTHER, OTHER] == 7
    assert len(counts) == 4


def test_from_zero_every_combination_is_there():
    assert dict(Tally(["a", "b"], ["c"], from_zero=True).items()) == {("a", "c"): 0, ("b", "c"): 0}


def test_a_wrong_number_of_labels_is_a_defect():
    with pytest.raises(ValueError, match="zip"):
        Tally(["a"], ["b"]).add("a")


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (BOUNDS[0], 0), (0.0011, 1), (BOUNDS[-1] + 1, len(BOUNDS))])
def test_a_duration_falls_into_its_bucket(seconds, bucket):
    durations = Durations(["call"])
    durations.add("call", seconds)

    ((label, counts, total),) = durations.items()
    assert (label, total) == ("call", seconds)
    assert counts[bucket] == 1
    assert sum(counts) == 1
    assert len(counts) == len(BOUNDS) + 1


def test_durations_of_what_is_made_up_have_one_row():
    durations = Durations(["call"])
    for number in range(100):
        durations.add(f"X{number}", 0.1)

    assert [(label, sum(counts)) for label, counts, _ in durations.items()] == [(OTHER, 100)]
