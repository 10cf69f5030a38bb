"""What becomes of a peer's tokens by an exchange, and when there is room for another (1.15, F4, F6)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.exchange import ExchangeKind
from broker.core.model import Version
from broker.core.peer import (
    MOST_RESENT,
    Purpose,
    Room,
    Succession,
    TokenState,
    crossing,
    has_expired,
    is_overtaken,
    repeats_too_often,
    room,
    succeed,
)
from tests.unit.core.peers import (
    ACTIVE,
    INVITATION,
    LIMIT,
    NOW,
    PROVISIONAL,
    RESENT,
    RETIRING,
    REVOKED,
    WINDOW,
    A,
    B,
    C,
    job,
    token,
)

LIMITED = {"not_after": NOW + 1}


def beside(shown, until=NOW + 1):
    """What follows a repeat."""
    return Succession((), None, until, repeat_of=shown)


@pytest.mark.parametrize(
    ("issued", "shown", "window", "expected"),
    [
        # POST: the invitation stays for a repeat (F3); a strict tenant gives no second chance.
        ([token(A, INVITATION)], A, WINDOW, Succession((), A, NOW + WINDOW)),
        ([token(A, INVITATION)], A, 0, Succession((A,), None, NOW)),
        # POST again with the spent invitation: the unseen token goes, the window is not prolonged.
        ([token(A, INVITATION, RETIRING), token(B)], A, WINDOW, Succession((B,), None, NOW + WINDOW)),
        ([token(A, INVITATION, RETIRING), token(B)], A, 0, Succession((A, B), None, NOW)),
        # PUT: the token in use stays (F4), the one before it goes.
        ([token(B)], B, WINDOW, Succession((), B, NOW + WINDOW)),
        ([token(A, INVITATION, RETIRING), token(B)], B, WINDOW, Succession((A,), B, NOW + WINDOW)),
        ([token(A, state=RETIRING), token(B)], B, WINDOW, Succession((A,), B, NOW + WINDOW)),
        ([token(B)], B, 0, Succession((B,), None, NOW)),
        # PUT again with the token before it: the one given first stays, whoever has it.
        ([token(A, state=RETIRING, **LIMITED), token(B)], A, WINDOW, beside(A)),
        ([token(A, state=RETIRING, **LIMITED), token(B), token(C, state=RESENT, **LIMITED)], A, WINDOW, beside(A)),
        ([token(A, state=RETIRING, **LIMITED), token(B), token(C, state=RESENT, **LIMITED)], C, WINDOW, beside(C)),
        # The peer has gone on with it after its time: both stay, and an operator is told (F4).
        ([token(A, state=RETIRING, not_after=NOW, reused_at=1), token(B)], A, WINDOW, beside(A, NOW + WINDOW)),
        ([token(B), token(C, state=RESENT, not_after=NOW, received_at=1)], C, WINDOW, beside(C, NOW + WINDOW)),
        # What is revoked already is left alone, and cannot come back.
        ([token(A, state=REVOKED), token(C), token(B)], B, WINDOW, Succession((C,), B, NOW + WINDOW)),
        ([token(A, state=REVOKED), token(B)], A, WINDOW, Succession((B,), None, NOW + WINDOW)),
    ],
)
def test_what_becomes_of_the_tokens_before(issued, shown, window, expected):
    assert succeed(issued, shown, NOW, window) == expected


@pytest.mark.parametrize(
    ("issued", "shown", "window", "expected"),
    [
        # F6: what we offer at the same time is given in this answer, and becomes the active token.
        ([token(B), token(C, state=PROVISIONAL)], B, WINDOW, Succession((), B, NOW + WINDOW, C)),
        ([token(B), token(C, state=PROVISIONAL)], B, 0, Succession((B,), None, NOW, C)),
        ([token(A, INVITATION), token(C, state=PROVISIONAL)], A, WINDOW, Succession((), A, NOW + WINDOW, C)),
    ],
)
def test_f6_the_token_that_crosses_is_neither_revoked_nor_retired(issued, shown, window, expected):
    assert succeed(issued, shown, NOW, window, promote=C) == expected


def test_without_crossing_what_was_offered_goes():
    issued = [token(B), token(C, state=PROVISIONAL)]

    assert succeed(issued, B, NOW, WINDOW) == Succession((C,), B, NOW + WINDOW)


def test_who_shows_what_was_offered_keeps_it_for_a_repeat():
    issued = [token(B), token(C, state=PROVISIONAL)]

    assert succeed(issued, C, NOW, WINDOW) == Succession((B,), C, NOW + WINDOW)


def after(issued, succession):
    """The tokens as the commit leaves them, with the new one."""
    kept = []
    for one in issued:
        if one.lookup_id in succession.revoke:
            kept.append(replace(one, state=REVOKED))
        elif one.lookup_id == succession.retire:
            kept.append(replace(one, state=RETIRING, not_after=succession.not_after))
        else:
            kept.append(one)
    return [*kept, token("NNNNNNNNNNNN", state=RESENT if succession.repeat_of else ACTIVE)]


@given(
    st.lists(st.tuples(st.sampled_from(Purpose), st.sampled_from(TokenState)), max_size=6),
    st.integers(0, 6),
    st.sampled_from([0, 1, WINDOW]),
)
def test_after_an_exchange_one_token_is_active_and_at_most_one_retiring(kinds, shown, window):
    issued = [token(f"{index:012}", purpose, state) for index, (purpose, state) in enumerate(kinds)]

    given = succeed(issued, f"{shown:012}", NOW, window)
    left = after(issued, given)
    if given.repeat_of:
        assert left[:-1] == issued, "nothing ends"
        return

    assert [one.lookup_id for one in left if one.state is ACTIVE] == ["NNNNNNNNNNNN"]
    retiring = [one.lookup_id for one in left if one.state is RETIRING]
    assert retiring in ([], [f"{shown:012}"])
    assert window or not retiring
    revoked_before = {one.lookup_id for one in issued if one.state is REVOKED}
    assert revoked_before <= {one.lookup_id for one in left if one.state is REVOKED}


SEEN, UNSEEN, RECEIVED = {"first_used_at": 1}, {}, {"received_at": 1}
OPEN, OVER = {"not_after": NOW + 1}, {"not_after": NOW}
NO_ROOM = None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Nothing that was replaced still works.
        (None, None, Room()),
        (None, UNSEEN, Room()),
        (None, SEEN, Room()),
        # The peer has its newest token: the one before it goes, used or not.
        (OPEN, SEEN, Room((A,))),
        (OPEN, RECEIVED, Room((A,))),
        (OPEN | {"reused_at": 1}, SEEN, Room((A,))),
        (OVER | {"reused_at": 1}, RECEIVED, Room((A,))),
        # It has shown neither, or only the old one so far: both may be the one that it has.
        (OPEN, UNSEEN, NO_ROOM),
        (OPEN | {"reused_at": 1}, UNSEEN, NO_ROOM),
        (OPEN, None, NO_ROOM),
        # The window is over (F4): the old one goes, unless it is the one that the peer has.
        (OVER, UNSEEN, Room((A,))),
        (OVER, None, Room((A,))),
        (OVER | {"reused_at": 1}, UNSEEN, Room((B,), A)),
        (OVER | {"reused_at": 1}, None, Room((), A)),
    ],
)
@pytest.mark.parametrize("beside", [None, PROVISIONAL, REVOKED], ids=["alone", "beside an offer", "beside a dead one"])
def test_a_further_token_is_offered_only_when_two_will_work(old, new, beside, expected):
    """F4. What is offered already, or dead, makes no difference."""
    issued = [token(C, state=beside)] if beside else []
    issued += [token(A, state=RETIRING, **old)] if old is not None else []
    issued += [token(B, **new)] if new is not None else []

    assert room(issued, NOW) == expected


@given(
    st.fixed_dictionaries(
        {state: st.none() | st.tuples(*[st.sampled_from([None, 1])] * 3, st.sampled_from([None, NOW, NOW + 1]))
         for state in (ACTIVE, RETIRING, PROVISIONAL)}
    ),
    st.sampled_from(Purpose),
)  # fmt: skip
def test_whatever_stands_there_is_never_room_for_a_third_token_nor_is_the_last_one_taken(kinds, purpose):
    issued = [
        token(state.value, purpose, state, first_used_at=first, reused_at=again, received_at=received, not_after=end)
        for state, facts in kinds.items()
        if facts is not None
        for first, again, received, end in [facts]
    ]

    found = room(issued, NOW)

    if found is None:
        return
    settled = {one.lookup_id for one in issued if one.state is not PROVISIONAL}
    left = settled - set(found.revoked)
    assert len(left) <= 1
    assert left or all(has_expired(one, NOW) for one in issued if one.lookup_id in settled)
    assert found.restored in {None, *left}


@pytest.mark.parametrize(
    ("state", "facts", "offered", "shown", "expected"),
    [
        (PROVISIONAL, {}, C, B, C),
        (PROVISIONAL, OPEN, C, B, C),
        # It has the token already, and asks for another.
        (PROVISIONAL, {}, C, C, None),
        # The peer has refused it, and its grace is over.
        (PROVISIONAL, OVER, C, B, None),
        # Not what the request of ours carries.
        (PROVISIONAL, {}, A, B, None),
        (PROVISIONAL, {}, None, B, None),
        # Settled already.
        (ACTIVE, {}, C, B, None),
        (RETIRING, {}, C, B, None),
        (REVOKED, {}, C, B, None),
    ],
)
def test_f6_the_token_that_our_own_request_offers_crosses(state, facts, offered, shown, expected):
    issued = [token(B), token(C, state=state, **facts)]

    assert crossing(job(offered_lookup_id=offered), issued, shown, NOW) == expected


POST, PUT, DELETE = ExchangeKind.POST, ExchangeKind.PUT, ExchangeKind.DELETE


@pytest.mark.parametrize(
    ("kind", "version", "overtaken"),
    [
        (POST, None, True),
        (POST, Version("2.2.1"), True),
        (PUT, None, True),
        # These want more than other tokens.
        (PUT, Version("2.2.1"), False),
        (DELETE, None, False),
    ],
)
@pytest.mark.parametrize(
    ("until", "confirming", "free"),
    [(0, False, True), (NOW, False, True), (NOW + 1, False, False), (NOW + 1, True, True)],
)
def test_an_exchange_of_the_peer_makes_ours_needless(kind, version, overtaken, until, confirming, free):
    """Unless it runs: then the peer may take its answer for the later one (F6)."""
    one = job(kind, version=version, running_until=until, confirming=confirming)

    assert is_overtaken(one, NOW) is (overtaken and free)


@pytest.mark.parametrize(
    ("old", "new", "found", "anew"),
    [
        # Nobody knows which of the two the peer has, unless one was used (F4).
        ({}, {}, None, Room(revoked=("OLD",))),
        ({"reused_at": NOW}, {}, None, Room(revoked=("NEW",), restored="OLD")),
        ({}, {"received_at": NOW}, Room(revoked=("OLD",)), Room(revoked=("OLD",))),
        ({}, {"first_used_at": NOW}, Room(revoked=("OLD",)), Room(revoked=("OLD",))),
        ({"reused_at": NOW, "not_after": NOW}, {}, *[Room(revoked=("NEW",), restored="OLD")] * 2),
    ],
)
def test_there_is_room_for_another_token_at_once_only_when_the_peer_begins_anew(old, new, found, anew):
    issued = (token("OLD", state=RETIRING, **{"not_after": LIMIT, **old}), token("NEW", **new))

    assert room(issued, NOW) == found
    assert room(issued, NOW, anew=True) == anew


def test_beside_a_token_alone_there_is_room():
    assert room((token(),), NOW) == room((token(),), NOW, anew=True) == Room()


@pytest.mark.parametrize(
    ("resent", "too_often"),
    [
        ([token(state=RESENT, **LIMITED)] * (MOST_RESENT - 1), False),
        ([token(state=RESENT, **LIMITED)] * MOST_RESENT, True),
        ([token(state=RESENT, not_after=NOW)] * MOST_RESENT, False),  # nobody has used them in time
        ([token(state=RESENT, received_at=1, **LIMITED)] * MOST_RESENT, False),  # each stays as long as it is in use
    ],
)
def test_so_many_repeats_may_wait(resent, too_often):
    assert repeats_too_often(resent, NOW) is too_often
