"""The ids of warnings. They stay the same over releases: scripts rely on them."""

from enum import StrEnum


class WarningId(StrEnum):
    """What each means is said in docs/concepts.md."""

    TOKEN_UNPROVEN = "TOKEN_UNPROVEN"  # noqa: S105  no secret
    POSSIBLE_TOKEN_THEFT = "POSSIBLE_TOKEN_THEFT"  # noqa: S105  no secret
    OLD_TOKEN_IN_USE = "OLD_TOKEN_IN_USE"  # noqa: S105  no secret
    REPLACED_TOKEN_SHOWN = "REPLACED_TOKEN_SHOWN"  # noqa: S105  no secret
    LOCKED_OUT = "LOCKED_OUT"
    INVITATION_EXPIRED = "INVITATION_EXPIRED"
    TOKEN_ENCODED = "TOKEN_ENCODED"  # noqa: S105  no secret
    TOKEN_IS_INVITATION = "TOKEN_IS_INVITATION"  # noqa: S105  no secret
    QUARANTINED = "QUARANTINED"
    ANSWER_CONTRADICTS = "ANSWER_CONTRADICTS"
    PARTIES_HELD_ELSEWHERE = "PARTIES_HELD_ELSEWHERE"
    PARTIES_REQUESTED = "PARTIES_REQUESTED"
    IDENTITY_CHANGED = "IDENTITY_CHANGED"
    IMPORTED_TOKEN_WEAK = "IMPORTED_TOKEN_WEAK"  # noqa: S105  no secret
    RENEWAL_DUE = "RENEWAL_DUE"
    CONNECTION_FAILING = "CONNECTION_FAILING"
    JOB_FAILED = "JOB_FAILED"
    ANSWER_UNKNOWN = "ANSWER_UNKNOWN"


ABOUT_PARTIES = frozenset({WarningId.PARTIES_HELD_ELSEWHERE, WarningId.ANSWER_CONTRADICTS})
"""Why a peer does not have the parties that it has announced."""
