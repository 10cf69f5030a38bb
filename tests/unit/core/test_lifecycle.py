"""What is done about a peer's tokens, and what is left to operators (TK-02)."""

import pytest

from broker.core.lifecycle import USUAL, Care, Lifecycle, Renewal, reminder, why_no_farewell, why_no_put, why_not

DAY = 24 * 3600
MANUAL = Care(Lifecycle.MANUAL, rotation_period=DAY)
WITHOUT_PUT = Care(renewal=Renewal.REREGISTER)


@pytest.mark.parametrize(
    ("care", "period", "automatic"),
    [
        (USUAL, 30 * DAY, 30 * DAY),
        (Care(rotation_period=DAY), DAY, DAY),
        (Care(rotation_period=0), 0, 0),
        (MANUAL, 0, 0),
        (WITHOUT_PUT, 30 * DAY, 0),
        (Care(rotation_period=DAY, renewal=Renewal.REREGISTER), DAY, 0),
    ],
)
def test_how_old_tokens_become(care, period, automatic):
    assert (care.period(30 * DAY), care.automatic(30 * DAY)) == (period, automatic)


def test_what_is_not_asked_of_a_peer():
    assert why_not(USUAL, "this") is None
    assert why_no_put(USUAL, "this") is None
    assert why_not(WITHOUT_PUT, "this") is None
    assert "this takes a PUT, and the peer knows none" in why_no_put(WITHOUT_PUT, "this")
    assert "its lifecycle is manual" in why_not(MANUAL, "this")
    assert "its lifecycle is manual" in why_no_put(MANUAL, "this")
    assert why_no_farewell(USUAL) is None
    assert why_no_farewell(MANUAL).endswith(
        "its lifecycle is manual: tell its operators yourself, and use force to end it on our side"
    )


def test_tokens_that_we_do_not_renew_are_brought_to_mind_when_they_are_due():
    late = 31 * DAY * 1_000_000

    assert "ask it for a new registration token" in reminder(WITHOUT_PUT, "uid", 0, 30 * DAY, late)
    assert reminder(WITHOUT_PUT, "uid", 0, 30 * DAY, DAY) is None
    assert reminder(WITHOUT_PUT, "uid", 0, 0, late) is None
    assert reminder(USUAL, "uid", 0, 30 * DAY, late) is None
    assert reminder(MANUAL, "uid", 0, 30 * DAY, late) is None
