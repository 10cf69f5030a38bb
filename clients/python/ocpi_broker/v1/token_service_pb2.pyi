from ocpi_broker.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenRejection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_REJECTION_UNSPECIFIED: _ClassVar[TokenRejection]
    TOKEN_REJECTION_MALFORMED: _ClassVar[TokenRejection]
    TOKEN_REJECTION_UNKNOWN: _ClassVar[TokenRejection]
    TOKEN_REJECTION_EXPIRED: _ClassVar[TokenRejection]
    TOKEN_REJECTION_REVOKED: _ClassVar[TokenRejection]
    TOKEN_REJECTION_BLOCKED: _ClassVar[TokenRejection]
    TOKEN_REJECTION_REGISTRATION_ONLY: _ClassVar[TokenRejection]
    TOKEN_REJECTION_HEADER_FORM: _ClassVar[TokenRejection]
TOKEN_REJECTION_UNSPECIFIED: TokenRejection
TOKEN_REJECTION_MALFORMED: TokenRejection
TOKEN_REJECTION_UNKNOWN: TokenRejection
TOKEN_REJECTION_EXPIRED: TokenRejection
TOKEN_REJECTION_REVOKED: TokenRejection
TOKEN_REJECTION_BLOCKED: TokenRejection
TOKEN_REJECTION_REGISTRATION_ONLY: TokenRejection
TOKEN_REJECTION_HEADER_FORM: TokenRejection

class PartyKey(_message.Message):
    __slots__ = ("country_code", "party_id", "role")
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[int]
    PARTY_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    country_code: str
    party_id: str
    role: _resources_pb2.Role
    def __init__(self, country_code: _Optional[str] = ..., party_id: _Optional[str] = ..., role: _Optional[_Union[_resources_pb2.Role, str]] = ...) -> None: ...

class GetPeerTokenRequest(_message.Message):
    __slots__ = ("parent", "peer", "party", "module", "interface_role", "min_revision")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_ROLE_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    parent: str
    peer: str
    party: PartyKey
    module: str
    interface_role: _resources_pb2.InterfaceRole
    min_revision: int
    def __init__(self, parent: _Optional[str] = ..., peer: _Optional[str] = ..., party: _Optional[_Union[PartyKey, _Mapping]] = ..., module: _Optional[str] = ..., interface_role: _Optional[_Union[_resources_pb2.InterfaceRole, str]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetPeerTokenResponse(_message.Message):
    __slots__ = ("peer", "token", "authorization", "version", "versions_url", "endpoint_url", "endpoints", "parties", "revision")
    PEER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    peer: str
    token: str
    authorization: str
    version: str
    versions_url: str
    endpoint_url: str
    endpoints: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Endpoint]
    parties: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Party]
    revision: int
    def __init__(self, peer: _Optional[str] = ..., token: _Optional[str] = ..., authorization: _Optional[str] = ..., version: _Optional[str] = ..., versions_url: _Optional[str] = ..., endpoint_url: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[_resources_pb2.Endpoint, _Mapping]]] = ..., parties: _Optional[_Iterable[_Union[_resources_pb2.Party, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class BatchGetPeerTokensRequest(_message.Message):
    __slots__ = ("parent", "requests")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    requests: _containers.RepeatedCompositeFieldContainer[GetPeerTokenRequest]
    def __init__(self, parent: _Optional[str] = ..., requests: _Optional[_Iterable[_Union[GetPeerTokenRequest, _Mapping]]] = ...) -> None: ...

class BatchGetPeerTokensResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("token", "refusal")
        TOKEN_FIELD_NUMBER: _ClassVar[int]
        REFUSAL_FIELD_NUMBER: _ClassVar[int]
        token: GetPeerTokenResponse
        refusal: Refusal
        def __init__(self, token: _Optional[_Union[GetPeerTokenResponse, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchGetPeerTokensResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchGetPeerTokensResponse.Result, _Mapping]]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class VerifyTokenRequest(_message.Message):
    __slots__ = ("authorization", "parent", "module", "min_revision")
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    authorization: str
    parent: str
    module: str
    min_revision: int
    def __init__(self, authorization: _Optional[str] = ..., parent: _Optional[str] = ..., module: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class VerifyTokenResponse(_message.Message):
    __slots__ = ("valid", "rejection", "tenant", "peer", "parties", "version", "registration_only", "revision")
    VALID_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_ONLY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    valid: bool
    rejection: TokenRejection
    tenant: str
    peer: str
    parties: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Party]
    version: str
    registration_only: bool
    revision: int
    def __init__(self, valid: bool = ..., rejection: _Optional[_Union[TokenRejection, str]] = ..., tenant: _Optional[str] = ..., peer: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[_resources_pb2.Party, _Mapping]]] = ..., version: _Optional[str] = ..., registration_only: bool = ..., revision: _Optional[int] = ...) -> None: ...
