"""The life of the tokens issued to a peer (1.15, F3, F4)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.model import BusinessDetails, Party, PartyKey, Role, Terms, Version
from broker.core.peer import (
    IssuedToken,
    Peer,
    PeerState,
    Purpose,
    Rejection,
    Room,
    Succession,
    TokenState,
    crossing,
    has_expired,
    is_overtaken,
    opens_modules,
    reject,
    room,
    succeed,
    warnings,
)
from broker.core.receiver import Presented

INVITATION, MAIN = Purpose.INVITATION, Purpose.MAIN
ACTIVE, RETIRING, REVOKED = TokenState.ACTIVE, TokenState.RETIRING, TokenState.REVOKED
PROVISIONAL = TokenState.PROVISIONAL
NOW, LIMIT, WINDOW = 5_000, 9_000, 1_000
LOST_ANSWER = "the peer still uses its old token: the answer with the new one may have been lost"
NO_INVITATION = "the invitation can no longer be used: reset the peer to issue a new one"
LOCKED_OUT = "no token of the peer works: rotate the peer, or reset it and let it register again"
OLD_TOKEN = "the peer shows a token that was replaced: since 1970-01-01 00:00 UTC; was it restored from a backup?"
QUARANTINED = "the peer is quarantined: none of the parties that it announced may be had; see its last exchange"
IN_DOUBT = "renewing the tokens: the answer of the peer was lost; it is being found out what became of it"

KWL = PartyKey("DE", "KWL", Role.CPO)
KNOWN = (Party(KWL, BusinessDetails("Kabelwerk")),)


def token(lookup="AAAAAAAAAAAA", purpose=MAIN, state=ACTIVE, **facts):
    return IssuedToken(lookup, "p1", b"the keyed hash", purpose, state, 1_000, **facts)


def peer(*issued, state=PeerState.REGISTERED, blocked=False, parties=KNOWN, **facts):
    return Peer(
        "uid-1", "acme", "kwl", state, blocked, Terms(), 3, 1_000, 2_000, issued=issued, parties=parties, **facts
    )


def job(kind=ExchangeKind.PUT, state=JobState.WAITING, **facts):
    return Job(kind, state, 1_000, 2_000, **facts)


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
        (token(state=PROVISIONAL), 2**62, None),
        # Refused by the peer: what it has begun with the token may still end (RS-10).
        (token(state=PROVISIONAL, not_after=LIMIT), LIMIT - 1, None),
        (token(state=PROVISIONAL, not_after=LIMIT), LIMIT, Rejection.EXPIRED),
        (token(state=PROVISIONAL, not_after=LIMIT, reused_at=1, received_at=1), LIMIT, Rejection.EXPIRED),
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
        (token(state=PROVISIONAL), True),
        (token(state=PROVISIONAL, first_used_at=NOW), True),
        (token(state=PROVISIONAL, received_at=NOW), False),
        (token(state=REVOKED), True),
        (token(state=REVOKED, reused_at=NOW), False),
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
        ([token(first_used_at=NOW), token("BBBBBBBBBBBB", state=PROVISIONAL)], False),
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


@pytest.mark.parametrize(
    ("issued", "shown", "window", "expected"),
    [
        # F6: what we offer at the same time is given in this answer, and becomes the active token.
        ([token(B), token(C, state=PROVISIONAL)], B, WINDOW, Succession((), B, NOW + WINDOW, C)),
        ([token(B), token(C, state=PROVISIONAL)], B, 0, Succession((B,), None, NOW, C)),
        ([token(A, INVITATION), token(C, state=PROVISIONAL)], A, WINDOW, Succession((), A, NOW + WINDOW, C)),
        (
            [token(A, state=RETIRING), token(B), token(C, state=PROVISIONAL)],
            A,
            WINDOW,
            Succession((B,), None, NOW + WINDOW, C),
        ),
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
        # F18: only what was shown since the peer has its newest token is news.
        (peer(token(), token(B, state=REVOKED, reused_at=NOW)), [OLD_TOKEN]),
        (peer(token(), token(B, state=REVOKED, reused_at=999)), []),
        (peer(token(first_used_at=NOW), token(B, state=REVOKED, reused_at=NOW - 1)), []),
        (peer(token(first_used_at=NOW), token(B, state=REVOKED, reused_at=NOW + 1)), [OLD_TOKEN]),
        (peer(token(), token(B, state=REVOKED, reused_at=NOW), state=PeerState.UNREGISTERED), []),
        (peer(token(purpose=INVITATION, not_after=NOW + 1), state=PeerState.INVITED), []),
        (peer(token(purpose=INVITATION, not_after=NOW), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(token(purpose=INVITATION, state=REVOKED), state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.INVITED), [NO_INVITATION]),
        (peer(state=PeerState.UNREGISTERED), []),
        # A registered peer that has no token can neither call nor renew.
        (peer(), [LOCKED_OUT]),
        (peer(token(state=REVOKED)), [LOCKED_OUT]),
        (peer(token(state=PROVISIONAL)), []),
        (peer(token(state=PROVISIONAL, not_after=NOW)), [LOCKED_OUT]),
        (peer(token(state=RETIRING, not_after=NOW)), [LOCKED_OUT]),
        (peer(token(state=RETIRING, not_after=NOW, reused_at=1)), [LOST_ANSWER]),
        (peer(blocked=True), []),
        (peer(state=PeerState.CONNECTING), []),
        # RevokePeer: the job is about to offer another one.
        (peer(job=job()), []),
        (peer(job=job(state=JobState.FAILED, message="no")), [LOCKED_OUT, "renewing the tokens failed: no"]),
        # RS-09
        (peer(token(), parties=()), [QUARANTINED]),
        (
            peer(token(), parties=(), requested=(KWL,)),
            ["the peer is quarantined: approve its requested_parties, then rotate it"],
        ),
        (
            peer(token(), requested=(KWL,)),
            ["the peer waits for approval of parties beyond its invitation: see requested_parties"],
        ),
        (peer(parties=(), state=PeerState.CONNECTING), []),
        # What became of a job is told until an operator has done something about it.
        (peer(token(), job=job()), []),
        (peer(token(), job=job(sent_version=Version("2.2.1"))), []),
        (peer(token(), job=job(sent_version=Version("2.2.1"), attempts=1)), [IN_DOUBT]),
        (peer(token(), job=job(sent_version=Version("2.2.1"), attempts=1, confirming=True)), []),
        (
            peer(token(), job=job(ExchangeKind.POST, JobState.FAILED, message="HTTP 401", attempts=1)),
            ["registering failed: HTTP 401"],
        ),
        (
            peer(state=PeerState.UNREGISTERED, job=job(ExchangeKind.DELETE, JobState.FAILED, message="HTTP 500")),
            ["unregistering failed: HTTP 500"],
        ),
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


@pytest.mark.parametrize("state", PeerState)
@pytest.mark.parametrize("parties", [KNOWN, ()], ids=["parties", "none"])
@pytest.mark.parametrize("purpose", Purpose)
def test_modules_are_open_to_main_tokens_of_registered_peers_that_may_be_somebody(state, parties, purpose):
    """AU-09, RS-06, RS-09."""
    one = peer(state=state, parties=parties)

    opened = opens_modules(one, token(purpose=purpose))

    assert opened is (purpose is MAIN and state is PeerState.REGISTERED and parties == KNOWN)
    assert one.quarantined is (state is PeerState.REGISTERED and not parties)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("state", TokenState)
@pytest.mark.parametrize("reused_at", [None, 1])
@pytest.mark.parametrize("not_after", [None, LIMIT])
def test_only_the_replaced_token_that_a_peer_went_on_using_outlives_its_limit(purpose, state, reused_at, not_after):
    """F4."""
    one = token(purpose=purpose, state=state, reused_at=reused_at, not_after=not_after)

    assert not has_expired(one, LIMIT - 1)
    kept = purpose is MAIN and state is RETIRING and reused_at is not None
    assert has_expired(one, LIMIT) is (not_after is not None and not kept)


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
