"""Every way in which the broker can refuse, as a closed list.

A refusal is a kind, named as in the contract's enum Reason, and a sentence meant for whoever asked. Anything else that
is raised is a defect and is never explained to the caller.
"""

from collections.abc import Sequence
from typing import ClassVar, Self


class BrokerError(Exception):
    """A refusal. str() of it may be shown to the caller, also to a peer; it never contains a token.

    What was seen of another platform stands beside it, for operators only: a peer that names a URL must not learn from
    our answer what is there (F9).
    """

    reason: ClassVar[str]
    quirk: str | None = None
    """The setting of the peer with which this would not have been refused (core.quirks)."""
    cause: str | None = None
    """Why, as far as it was observed; for operators."""
    said: str | None = None
    """The other platform's own words, cut and without tokens (outbound.words); for operators."""
    retry_after: float | None = None
    """Seconds for which the other platform wants to be left alone."""
    lasting: bool = False
    """Whether somebody has to do something before another try can help: a wrong URL or certificate, for example."""

    def helped_by(self, quirk: str) -> Self:
        """The same refusal, naming the quirk that would have helped."""
        self.quirk = quirk
        return self

    def because(self, cause: str | None) -> Self:
        """The same refusal with its cause."""
        self.cause = cause
        return self

    def quoting(self, said: str | None) -> Self:
        """The same refusal with the other platform's words."""
        self.said = said or None
        return self

    def after(self, other: "BrokerError") -> Self:
        """The same refusal with all that was seen when the other one was raised."""
        self.quirk, self.cause, self.said, self.retry_after = other.quirk, other.cause, other.said, other.retry_after
        return self

    @property
    def explained(self) -> str:
        """All of it, for operators and records. Never for the peer that has named the URL (F9)."""
        message = f"{self}: {self.cause}" if self.cause else str(self)
        return f'{message}; the peer says: "{self.said}"' if self.said else message

    @property
    def advised(self) -> str:
        """The same with the quirk, where no field of its own names that."""
        if self.quirk is None:
            return self.explained
        setting = f"{self.quirk}{_value(self.quirk)}"
        return f"{self.explained}; the quirk {self.quirk} may help (peer update --quirk {setting})"


def _value(quirk: str) -> str:
    """What has to be written after the name of a quirk that is not switched on alone."""
    return {"auth_form_in": "=raw|base64", "auth_form_out": "=raw|base64", "token_max_len": "=255"}.get(quirk, "")


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
