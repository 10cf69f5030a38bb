"""What a caller is sent when the broker refuses (AIP-193)."""

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AbortError

from broker import errors
from broker.errors import BrokerError, InvalidArgumentError, TokenRejectedError
from broker.rpc.refusals import STATUS, refuse
from ocpi_broker.client.reasons import DOMAIN
from ocpi_broker.v1.reasons_pb2 import Reason

SENTENCE = "what is told to whoever asked"
CODES = {
    errors.CallerUnauthenticatedError: StatusCode.UNAUTHENTICATED,
    errors.PermissionDeniedError: StatusCode.PERMISSION_DENIED,
    errors.RequestIdReusedError: StatusCode.INVALID_ARGUMENT,
    errors.NotFoundError: StatusCode.NOT_FOUND,
    errors.AlreadyExistsError: StatusCode.ALREADY_EXISTS,
    errors.EtagMismatchError: StatusCode.ABORTED,
    errors.ConflictError: StatusCode.ABORTED,
    errors.WrongStateError: StatusCode.FAILED_PRECONDITION,
    errors.PeerBlockedError: StatusCode.FAILED_PRECONDITION,
    errors.EndpointNotFoundError: StatusCode.NOT_FOUND,
    errors.RateLimitedError: StatusCode.RESOURCE_EXHAUSTED,
    errors.VersionNotOfferedError: StatusCode.NOT_FOUND,
    errors.AlreadyRegisteredError: StatusCode.FAILED_PRECONDITION,
    errors.NotRegisteredError: StatusCode.FAILED_PRECONDITION,
    errors.BodyNotJsonError: StatusCode.INVALID_ARGUMENT,
    errors.BodyTooLargeError: StatusCode.INVALID_ARGUMENT,
    errors.CredentialsInvalidError: StatusCode.INVALID_ARGUMENT,
    errors.PartyNotAllowedError: StatusCode.FAILED_PRECONDITION,
    errors.PartyNotApprovedError: StatusCode.FAILED_PRECONDITION,
    errors.ExchangeInProgressError: StatusCode.ABORTED,
    errors.PeerUnusableError: StatusCode.FAILED_PRECONDITION,
    errors.PeerVersionUnsupportedError: StatusCode.FAILED_PRECONDITION,
    errors.PeerEndpointsMissingError: StatusCode.FAILED_PRECONDITION,
    errors.TooManyExchangesError: StatusCode.RESOURCE_EXHAUSTED,
    errors.NotExpressibleError: StatusCode.FAILED_PRECONDITION,
    errors.PeerRefusedError: StatusCode.FAILED_PRECONDITION,
    errors.PeerRejectedTokenError: StatusCode.FAILED_PRECONDITION,
    errors.OutcomeUnknownError: StatusCode.UNAVAILABLE,
    errors.AnswerLostError: StatusCode.FAILED_PRECONDITION,
    errors.StoreUnavailableError: StatusCode.UNAVAILABLE,
    errors.DeadlineExceededError: StatusCode.DEADLINE_EXCEEDED,
    errors.TamperedError: StatusCode.DATA_LOSS,
    errors.InternalError: StatusCode.INTERNAL,
}


class Call:
    """A server's side of a call: remembers how it was ended."""

    async def abort(self, code, details, trailing_metadata):
        self.code, self.message, self.trailer = code, details, dict(trailing_metadata)
        raise AbortError

    @property
    def status(self):
        return Status.FromString(self.trailer["grpc-status-details-bin"])


def refused(error):
    """The call as it ended. Nothing in it waits, so that no event loop is needed."""
    call = Call()
    with pytest.raises(AbortError):
        refuse(call, error).send(None)
    return call


def detail(call, index, kind):
    message = kind()
    assert call.status.details[index].Unpack(message)
    return message


def test_every_reason_of_the_contract_has_a_status():
    assert {f"REASON_{reason}" for reason in STATUS} == set(Reason.keys()) - {"REASON_UNSPECIFIED"}


def test_the_two_that_speak_for_themselves_are_the_only_ones_missing_below():
    ours = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BrokerError)}

    assert ours - set(CODES) == {BrokerError, InvalidArgumentError, TokenRejectedError}


@pytest.mark.parametrize("kind", CODES)
def test_a_refusal_ends_the_call_with_its_code_sentence_and_reason(kind):
    call = refused(kind(SENTENCE))

    assert (call.code, call.message) == (CODES[kind], SENTENCE)
    assert list(call.trailer) == ["grpc-status-details-bin"]
    assert (call.status.code, call.status.message) == (CODES[kind].value[0], SENTENCE)
    assert len(call.status.details) == 1
    assert detail(call, 0, ErrorInfo) == ErrorInfo(domain="ocpi-broker", reason=kind.reason)


def test_a_refusal_derived_elsewhere_is_told_as_its_base():
    class CallbackError(errors.PeerUnusableError):
        pass

    call = refused(CallbackError(SENTENCE))

    assert call.code is StatusCode.FAILED_PRECONDITION
    assert detail(call, 0, ErrorInfo).reason == "PEER_UNUSABLE"


def test_a_rejected_token_is_told_in_one_sentence():
    call = refused(TokenRejectedError())

    assert call.code is StatusCode.UNAUTHENTICATED
    assert call.message == "the Authorization header carries no token that is valid here"
    assert detail(call, 0, ErrorInfo) == ErrorInfo(domain=DOMAIN, reason="TOKEN_REJECTED")


def test_an_invalid_argument_names_every_field():
    call = refused(InvalidArgumentError([("parent", "is required"), ("terms.parties[0].role", "is required")]))

    assert call.code is StatusCode.INVALID_ARGUMENT
    assert call.message == "parent: is required; terms.parties[0].role: is required"
    assert len(call.status.details) == 2
    assert detail(call, 0, ErrorInfo).reason == "INVALID_ARGUMENT"
    assert [(v.field, v.description) for v in detail(call, 1, BadRequest).field_violations] == [
        ("parent", "is required"),
        ("terms.parties[0].role", "is required"),
    ]


@pytest.mark.parametrize("message", ["", "roles[0]: ß and \N{ELECTRIC PLUG}", "x" * 500])
def test_any_sentence_can_be_sent(message):
    assert refused(errors.CredentialsInvalidError(message)).status.message == message


def test_a_refusal_fits_into_what_clients_take_as_metadata():
    """Otherwise they would see RESOURCE_EXHAUSTED instead of it."""
    call = refused(
        InvalidArgumentError([(f"terms.parties[{n}].country_code", "must be two letters") for n in range(1000)])
    )

    assert call.code is StatusCode.INVALID_ARGUMENT
    assert len(call.message) <= 500
    assert len(call.status.SerializeToString()) < 4096
    assert detail(call, 1, BadRequest).field_violations[0].field == "terms.parties[0].country_code"
