"""Which tokens are good, strict and lenient."""

from broker.core.model import Token
from broker.tools.mock_peer.accepted_tokens import Standing, Tokens

A, B, C, D = (Token(f"token-{name}") for name in "abcd")


def registered(*, lenient: bool = False) -> Tokens:
    """Invited with A, which was replaced by B."""
    tokens = Tokens(lenient, invitations={A})
    tokens.replace(frozenset(), A, B)
    return tokens


def test_strict_a_replaced_token_is_dead_at_once() -> None:
    tokens = registered()
    assert [tokens.standing(token) for token in (A, B)] == [None, Standing.ISSUED]

    tokens.replace(frozenset({B}), B, C)
    assert [tokens.standing(token) for token in (A, B, C)] == [None, None, Standing.ISSUED]


def test_lenient_it_lives_until_the_new_one_is_used() -> None:
    tokens = registered(lenient=True)
    assert tokens.standing(A) is Standing.INVITATION
    tokens.used(B)
    assert tokens.standing(A) is None

    tokens.replace(frozenset({B}), B, C)
    tokens.used(B)
    assert tokens.standing(B) is Standing.ISSUED
    tokens.used(C)
    assert tokens.standing(B) is None


def test_lenient_a_repetition_ends_the_token_that_nobody_saw() -> None:
    tokens = registered(lenient=True)
    tokens.replace(frozenset({B}), A, C)
    assert [tokens.standing(token) for token in (A, B, C)] == [Standing.INVITATION, None, Standing.ISSUED]

    tokens.used(C)
    tokens.replace(frozenset({C}), C, D)
    tokens.replace(frozenset({D}), C, B)
    assert [tokens.standing(token) for token in (B, C, D)] == [Standing.ISSUED, Standing.ISSUED, None]


def test_exchanges_that_cross_leave_both_tokens_good() -> None:
    """Each ends only what was good when it began."""
    tokens = registered()
    before = frozenset(tokens.issued)

    tokens.replace(before, None, C)
    tokens.replace(before, B, D)

    assert [tokens.standing(token) for token in (B, C, D)] == [None, Standing.ISSUED, Standing.ISSUED]


def test_a_token_may_be_replaced_by_itself() -> None:
    tokens = registered(lenient=True)

    tokens.replace(frozenset({B}), None, B)

    assert tokens.standing(B) is Standing.ISSUED


def test_at_the_end_only_unused_invitations_are_left() -> None:
    tokens = registered(lenient=True)
    tokens.invitations.add(D)
    tokens.provisional.add(C)

    tokens.end()

    assert [tokens.standing(token) for token in (A, B, C, D)] == [None, None, None, Standing.INVITATION]
