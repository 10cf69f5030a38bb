"""Limits, by a clock that the test moves (F7, F19, RR-21)."""

from contextlib import ExitStack, suppress

import pytest

from broker.errors import RateLimitedError, TooManyExchangesError
from broker.limits import ExchangeSlots, FailureLimit, Reminders

SOURCES = 10_000


class Watch:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


def admitted(limit, source, attempts):
    """How many of so many failures were let pass."""
    passed = 0
    for _ in range(attempts):
        try:
            limit.count(source)
        except RateLimitedError:
            continue
        passed += 1
    return passed


def test_a_burst_is_let_pass_and_no_more(watch):
    limit = FailureLimit(watch, burst=5, per_second=2)

    assert admitted(limit, "192.0.2.1", 20) == 5


def test_by_default_a_source_has_300_failures_at_once(watch):
    assert admitted(FailureLimit(watch), "192.0.2.1", 1000) == 300


def test_each_source_has_a_bucket_of_its_own(watch):
    limit = FailureLimit(watch, burst=5)
    admitted(limit, "192.0.2.1", 20)

    assert admitted(limit, "192.0.2.2", 20) == 5


@pytest.mark.parametrize(("seconds", "passed"), [(0, 0), (1, 1), (2, 3), (100, 5)])
def test_a_bucket_fills_again_with_time_and_never_above_its_burst(watch, seconds, passed):
    limit = FailureLimit(watch, burst=5, per_second=2)
    admitted(limit, "192.0.2.1", 20)

    watch.now += seconds

    assert admitted(limit, "192.0.2.1", 20) == passed


def test_how_long_a_source_was_refused_does_not_count_against_it(watch):
    limit = FailureLimit(watch, burst=5, per_second=2)
    admitted(limit, "192.0.2.1", 10_000)

    watch.now += 3

    assert admitted(limit, "192.0.2.1", 20) == 5


def test_a_bucket_is_full_at_first_however_late(watch):
    limit = FailureLimit(watch, burst=5, per_second=2)
    watch.now += 1_000_000

    assert admitted(limit, "192.0.2.1", 20) == 5


def test_a_refusal_does_not_repeat_the_source(watch):
    limit = FailureLimit(watch, burst=0)

    with pytest.raises(RateLimitedError) as refused:
        limit.count("192.0.2.1")

    assert "192.0.2.1" not in str(refused.value)


def test_the_longest_silent_source_is_forgotten_first_and_memory_is_bounded(watch):
    limit = FailureLimit(watch, burst=1, per_second=0)
    for number in range(SOURCES):
        limit.count(f"source {number}")
    assert admitted(limit, "source 0", 1) == 0

    limit.count("one more")

    assert admitted(limit, "source 0", 1) == 0
    assert admitted(limit, "source 2", 1) == 0
    assert admitted(limit, "source 1", 1) == 1
    assert len(limit._sources) == SOURCES


def test_slots_of_a_tenant_are_its_own():
    slots = ExchangeSlots(per_tenant=2, total=10)

    with slots.slot("acme"), slots.slot("acme"), slots.slot("other"):
        with pytest.raises(TooManyExchangesError), slots.slot("acme"):
            pytest.fail("entered")
        with slots.slot("other"):
            pass


def test_all_tenants_share_what_the_broker_can_do():
    slots = ExchangeSlots(per_tenant=2, total=3)

    with slots.slot("a"), slots.slot("b"), slots.slot("c"), pytest.raises(TooManyExchangesError), slots.slot("d"):
        pytest.fail("entered")


def test_a_slot_is_given_back_also_after_an_error_and_a_refusal_takes_none():
    slots = ExchangeSlots(per_tenant=1, total=1)

    for number in range(5):
        with pytest.raises(ZeroDivisionError), slots.slot("acme"):
            1 / (number - number)
        with slots.slot("acme"), pytest.raises(TooManyExchangesError), slots.slot("acme"):
            pytest.fail("entered")

    with slots.slot("other"):
        pass


@pytest.mark.parametrize(("tenants", "passed"), [(1, 8), (7, 56), (8, 64), (100, 64)])
def test_by_default_8_exchanges_of_a_tenant_run_and_64_in_all(tenants, passed):
    slots, running = ExchangeSlots(), 0

    with ExitStack() as opened:
        for number in range(200):
            with suppress(TooManyExchangesError):
                opened.enter_context(slots.slot(f"tenant {number % tenants}"))
                running += 1

    assert running == passed


def test_each_thing_is_told_once_an_hour_and_no_more_than_so_many():
    """F18, F20: whoever makes up tokens of our form fills no log."""
    now = [0]
    reminders = Reminders(lambda: now[0], most=2, pause=10)

    assert [reminders.is_due(thing) for thing in ("a", "a", "b", "c")] == [True, False, True, False]
    now[0] = 9
    assert not reminders.is_due("a")
    now[0] = 10
    assert [reminders.is_due(thing) for thing in ("c", "a", "b")] == [True, True, False]
