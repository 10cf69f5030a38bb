"""The life of the tokens issued to a peer (1.15, F3, F4)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.handshake import Presented
from broker.core.model import Terms
from broker.core.peer import (
    IssuedToken,
    Peer,
    PeerState,
    Purpose,
    Rejection,
    Succession,
    TokenState,
    reject,
    succeed,
    warnings,
)

INVITATION, MAIN = Purpose.INVITATION, Purpose.MAIN
ACTIVE, RETIRING, REVOKED = TokenState.ACTIVE, TokenState.RETIRING, TokenState.REVOKED
NOW, LIMIT, WINDOW = 5_000, 9_000, 1_000
LOST_ANSWER = "the peer still uses its old token: the answer with the new one may have been lost"
NO_INVITATION = "the invitation can no longer be used: reset the peer to issue a new one"


def token(lookup="AAAAAAAAAAAA", purpose=MAIN, state=ACTIVE, **facts):
    return IssuedToken(lookup, "p1", b"the keyed hash", purpose, state, 1_000, **facts)


def peer(*issued, state=PeerState.REGISTERED, blocked=False):
    return Peer("uid-1", "acme", "kwl", state, blocked, Terms(), 3, 1_000, 2_000, issued=issued)


@pytest.mark.parametrize(
    ("purpose", "state", "presented"),
    [
        (INVITATION, ACTIVE, Presented.INVITATION),
        (INVITATION, RETIRING, Presented.SPENT_INVITATION),
        (MAIN, ACTIVE, Presented.CURRENT),
        (MAIN, RETIRING, Presented.REPLACED),
    ],
)
def test_a_token_is_presented_as_what_it_is(purpose, state, presented):
    assert token(purpose=purpose, state=state).presented is presented


@pytest.mark.parametrize(
    ("one", "now", "rejection"),
    [
        (token(), NOW, None),
        (token(), 2**62, None),
        (token(state=RETIRING, not_after=LIMIT), LIMIT - 1, None),
        (token(state=RETIRING, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(state=RETIRING, not_after=LIMIT), LIMIT + 1, Rejection.EXPIRED),
        # The only token that the peer may have is not cut off by time alone (F4).
        (token(state=RETIRING, not_after=LIMIT, reused_at=LIMIT - 1), LIMIT + 1, None),
        (token(state=RETIRING, not_after=LIMIT, first_used_at=1), LIMIT, Rejection.EXPIRED),
        (token(purpose=INVITATION), NOW, None),
        (token(purpose=INVITATION, not_after=LIMIT), LIMIT - 1, None),
        (token(purpose=INVITATION, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(purpose=INVITATION, state=RETIRING, not_after=LIMIT), LIMIT - 1, None),
        (token(purpose=INVITATION, state=RETIRING, not_after=LIMIT, reused_at=LIMIT - 1), LIMIT, Rejection.EXPIRED),
        (token(state=REVOKED), NOW, Rejection.REVOKED),
        (token(state=REVOKED, not_after=LIMIT, reused_at=1), LIMIT, Rejection.REVOKED),
        (token(purpose=INVITATION, state=REVOKED), NOW, Rejection.REVOKED),
    ],
)
def test_a_token_works_until_it_is_revoked_or_its_time_is_over(one, now, rejection):
    assert reject(peer(one), one, now) is rejection


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("state", [ACTIVE, RETIRING])
def test_no_token_of_a_blocked_peer_works(purpose, state):
    one = token(purpose=purpose, state=state)

    assert reject(peer(one, blocked=True), one, NOW) is Rejection.BLOCKED


@pytest.mark.parametrize(
    ("one", "notable"),
    [
        (token(), True),
        (token(first_used_at=NOW), False),
        (token(first_used_at=0), False),
        (token(reused_at=NOW), True),
        (token(state=RETIRING), True),
        (token(state=RETIRING, first_used_at=NOW), True),
        (token(state=RETIRING, reused_at=NOW), False),
        (token(state=RETIRING, reused_at=0), False),
        # Once more, when its time is over: the peer goes on with it (F4).
        (token(state=RETIRING, reused_at=NOW - 2, not_after=NOW + 1), False),
        (token(state=RETIRING, reused_at=NOW - 2, not_after=NOW), True),
        (token(state=RETIRING, reused_at=NOW, not_after=NOW), False),
        (token(purpose=INVITATION), False),
        (token(purpose=INVITATION, state=RETIRING), False),
    ],
)
def test_a_use_is_notable_once(one, notable):
    assert one.is_notable(NOW) is notable


@pytest.mark.parametrize(
    ("issued", "unconfirmed"),
    [
        ([], False),
        ([token()], True),
        ([token(first_used_at=NOW)], False),
        ([token(first_used_at=NOW), token("BBBBBBBBBBBB", state=RETIRING)], False),
        ([token(), token("BBBBBBBBBBBB", state=RETIRING, reused_at=NOW)], True),
        ([token(purpose=INVITATION)], False),
    ],
)
def test_a_peer_is_unconfirmed_until_it_uses_its_new_token(issued, unconfirmed):
    assert peer(*issued).unconfirmed is unconfirmed


def test_the_invitation_is_the_active_one():
    active = token("BBBBBBBBBBBB", INVITATION)
    others = [
        token("AAAAAAAAAAAA", INVITATION, REVOKED),
        token("CCCCCCCCCCCC"),
        token("DDDDDDDDDDDD", INVITATION, RETIRING),
    ]

    assert peer(*others, active).invitation is active
    assert peer(*others).invitation is None


A, B, C = "AAAAAAAAAAAA", "BBBBBBBBBBBB", "CCCCCCCCCCCC"


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
        # PUT again with the token before it: the unseen one goes.
        ([token(A, state=RETIRING), token(B)], A, WINDOW, Succession((B,), None, NOW + WINDOW)),
        # What is revoked already is left alone, and cannot come back.
        ([token(A, state=REVOKED), token(C), token(B)], B, WINDOW, Succession((C,), B, NOW + WINDOW)),
        ([token(A, state=REVOKED), token(B)], A, WINDOW, Succession((B,), None, NOW + WINDOW)),
    ],
)
def test_what_becomes_of_the_tokens_before(issued, shown, window, expected):
    assert succeed(issued, shown, NOW, window) == expected


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
    return [*kept, token("NNNNNNNNNNNN")]


@given(
    st.lists(st.tuples(st.sampled_from(Purpose), st.sampled_from(TokenState)), max_size=6),
    st.integers(0, 6),
    st.sampled_from([0, 1, WINDOW]),
)
def test_after_an_exchange_one_token_is_active_and_at_most_one_retiring(kinds, shown, window):
    issued = [token(f"{index:012}", purpose, state) for index, (purpose, state) in enumerate(kinds)]

    left = after(issued, succeed(issued, f"{shown:012}", NOW, window))

    assert [one.lookup_id for one in left if one.state is ACTIVE] == ["NNNNNNNNNNNN"]
    retiring = [one.lookup_id for one in left if one.state is RETIRING]
    assert retiring in ([], [f"{shown:012}"])
    assert window or not retiring
    revoked_before = {one.lookup_id for one in issued if one.state is REVOKED}
    assert revoked_before <= {one.lookup_id for one in left if one.state is REVOKED}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (peer(token(first_used_at=1)), []),
        (peer(token(), token(B, state=RETIRING)), []),
        (peer(token(), token(B, state=RETIRING, reused_at=NOW)), [LOST_ANSWER]),
        (peer(token(), token(B, state=REVOKED, reused_at=NOW)), []),
        (peer(token(purpose=INVITATION, not_after=NOW + 1), state=PeerState.INVITED), []),
        (peer(token(purpose=INVITATION, not_after=NOW), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(token(purpose=INVITATION, state=REVOKED), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.UNREGISTERED), []),
        (peer(), []),
    ],
)
def test_an_operator_is_told_what_needs_one(one, expected):
    assert warnings(one, NOW) == expected


def test_a_block_alone_is_no_reason_to_reset():
    invited = peer(token(purpose=INVITATION, not_after=LIMIT), state=PeerState.INVITED, blocked=True)

    assert warnings(invited, NOW) == []


def test_an_issued_token_prints_its_lookup_id_and_no_digest():
    one = token()

    assert f"{one!r} {one} {peer(one)}".count("keyed hash") == 0
    assert A in repr(one)


def test_a_peer_is_named_below_its_tenant():
    assert peer().name == "tenants/acme/peers/kwl"
