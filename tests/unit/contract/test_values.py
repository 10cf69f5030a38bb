"""Durations, times, pages, and how violations are collected."""

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from broker.contract.values import Violations, duration, invalid, page_size, seconds_from_pb, timestamp
from tests.unit.contract.reading import YEAR, few, refused


@pytest.mark.parametrize(("seconds", "shortest"), [(0, 1), (-1, 0), (YEAR + 1, 0)])
def test_a_duration_out_of_range_says_the_range(seconds, shortest):
    with pytest.raises(ValueError, match=rf"^must be whole seconds, from {shortest} to {YEAR} \(366 days\)$"):
        seconds_from_pb(Duration(seconds=seconds), shortest=shortest)


def test_a_part_of_a_second_is_refused_rather_than_cut_off():
    """Half a second would become zero, which means something else: strict."""
    with pytest.raises(ValueError, match="whole seconds"):
        seconds_from_pb(Duration(nanos=500_000_000), shortest=0)


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (50, 50), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_a_page_has_1_to_1000_entries_and_50_by_default(asked, given):
    assert page_size(asked) == given


@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_page_of_less_than_nothing_is_refused(asked):
    assert refused(page_size, asked) == [("page_size", "must not be negative")]


def test_violations_are_collected_and_named_from_outside_in():
    found = Violations()

    with found.of("outer[0]"):
        raise ValueError("is wrong")
    with found.of("outer[1]"):
        raise invalid("inner", "is wrong too")
    with found.of("outer[2]"):
        raise invalid("", "has no field of its own")
    with found.of("outer[3]"):
        pass
    found.add("last", "is missing")

    assert refused(found.check) == [
        ("outer[0]", "is wrong"),
        ("outer[1].inner", "is wrong too"),
        ("outer[2]", "has no field of its own"),
        ("last", "is missing"),
    ]


def test_a_defect_is_no_violation():
    with pytest.raises(ZeroDivisionError), Violations().of("field"):
        raise ZeroDivisionError


@few
@given(st.integers(0, 2**53))
def test_times_keep_their_microseconds(microseconds):
    moment, length = timestamp(microseconds), duration(microseconds)

    assert moment.ToMicroseconds() == microseconds
    assert length.ToMicroseconds() == microseconds
