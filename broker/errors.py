"""Every way in which the broker can refuse, as a closed list.

A refusal is a kind, named as in the contract's enum Reason, and a sentence meant for whoever asked. Anything else that
is raised is a defect and is never explained to the caller.
"""

from collections.abc import Sequence
from typing import ClassVar, Self


class BrokerError(Exception):
    """A refusal. str() of it may be shown to the caller; it never contains a token."""

    reason: ClassVar[str]
    quirk: str | None = None
    """The setting of the peer with which this would not have been refused (core.quirks)."""

    def helped_by(self, quirk: str) -> Self:
        """The same refusal, naming the quirk that would have helped."""
        self.quirk = quirk
        return self


class CallerUnauthenticatedError(BrokerError):
    reason = "CALLER_UNAUTHENTICATED"


class PermissionDeniedError(BrokerError):
    reason = "PERMISSION_DENIED"


class InvalidArgumentError(BrokerError):
    """violations: (field path, what is wrong with it)."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {what}" for field, what in violations))
        self.violations = tuple(violations)


class RequestIdReusedError(BrokerError):
    reason = "REQUEST_ID_REUSED"


class NotFoundError(BrokerError):
    reason = "NOT_FOUND"


class AlreadyExistsError(BrokerError):
    reason = "ALREADY_EXISTS"


class EtagMismatchError(BrokerError):
    reason = "ETAG_MISMATCH"


class ConflictError(BrokerError):
    reason = "CONFLICT"


class WrongStateError(BrokerError):
    reason = "WRONG_STATE"


class PeerBlockedError(BrokerError):
    reason = "PEER_BLOCKED"


class EndpointNotFoundError(BrokerError):
    reason = "ENDPOINT_NOT_FOUND"


class TokenRejectedError(BrokerError):
    """Says the same whatever was wrong (F19)."""

    reason = "TOKEN_REJECTED"

    def __init__(self) -> None:
        super().__init__("the Authorization header carries no token that is valid here")


class RateLimitedError(BrokerError):
    reason = "RATE_LIMITED"


class VersionNotOfferedError(BrokerError):
    reason = "VERSION_NOT_OFFERED"


class AlreadyRegisteredError(BrokerError):
    reason = "ALREADY_REGISTERED"


class NotRegisteredError(BrokerError):
    reason = "NOT_REGISTERED"


class BodyNotJsonError(BrokerError):
    reason = "BODY_NOT_JSON"


class BodyTooLargeError(BrokerError):
    reason = "BODY_TOO_LARGE"


class CredentialsInvalidError(BrokerError):
    """The message starts with the JSON path (CO-39)."""

    reason = "CREDENTIALS_INVALID"


class PartyNotAllowedError(BrokerError):
    reason = "PARTY_NOT_ALLOWED"


class PartyNotApprovedError(BrokerError):
    """Waits for an operator, who may let the peer register these parties (A19)."""

    reason = "PARTY_NOT_APPROVED"


class ExchangeInProgressError(BrokerError):
    reason = "EXCHANGE_IN_PROGRESS"


class PeerUnusableError(BrokerError):
    reason = "PEER_UNUSABLE"


class PeerVersionUnsupportedError(BrokerError):
    reason = "PEER_VERSION_UNSUPPORTED"


class PeerEndpointsMissingError(BrokerError):
    reason = "PEER_ENDPOINTS_MISSING"


class TooManyExchangesError(BrokerError):
    reason = "TOO_MANY_EXCHANGES"


class NotExpressibleError(BrokerError):
    reason = "NOT_EXPRESSIBLE"


class PeerRefusedError(BrokerError):
    """The peer answered our request with an error and has done nothing. code is OCPI's, status HTTP's."""

    reason = "PEER_REFUSED"

    def __init__(self, message: str, *, code: int | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class PeerRejectedTokenError(BrokerError):
    """The peer does not know the token that we show, or our registration (A5)."""

    reason = "PEER_REJECTED_TOKEN"


class OutcomeUnknownError(BrokerError):
    """Our request may have been carried out: its answer is lost, or no use (F2, F12)."""

    reason = "OUTCOME_UNKNOWN"


class AnswerLostError(BrokerError):
    """Our request was carried out, and the token in its answer is lost (F2, F4)."""

    reason = "ANSWER_LOST"


class StoreUnavailableError(BrokerError):
    reason = "STORE_UNAVAILABLE"


class DeadlineExceededError(BrokerError):
    reason = "DEADLINE_EXCEEDED"


class TamperedError(BrokerError):
    reason = "TAMPERED"


class InternalError(BrokerError):
    """A defect; the message ends with the id under which the log explains it (broker.defects)."""

    reason = "INTERNAL"
