"""When a token that has not worked yet is tried again."""

from itertools import pairwise

from broker.core import proving

HOUR = 3600 * 1_000_000


def test_the_pauses_grow_from_seconds_to_an_hour_and_never_end():
    pauses = [proving.pause(tries) for tries in range(200)]

    assert pauses[0] == 2_000_000
    assert all(before <= after for before, after in pairwise(pauses))
    assert pauses[-1] == HOUR
    assert sum(pauses[:6]) < HOUR / 2  # what a peer mends at once is found soon
