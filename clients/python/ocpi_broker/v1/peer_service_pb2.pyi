import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from ocpi_broker.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_OUTCOME_UNSPECIFIED: _ClassVar[ImportOutcome]
    IMPORT_OUTCOME_IMPORTED: _ClassVar[ImportOutcome]
    IMPORT_OUTCOME_UNCHANGED: _ClassVar[ImportOutcome]
IMPORT_OUTCOME_UNSPECIFIED: ImportOutcome
IMPORT_OUTCOME_IMPORTED: ImportOutcome
IMPORT_OUTCOME_UNCHANGED: ImportOutcome

class InvitePeerRequest(_message.Message):
    __slots__ = ("parent", "peer_id", "terms", "expiry", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    peer_id: str
    terms: _resources_pb2.InvitationTerms
    expiry: _duration_pb2.Duration
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., peer_id: _Optional[str] = ..., terms: _Optional[_Union[_resources_pb2.InvitationTerms, _Mapping]] = ..., expiry: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class InvitePeerResponse(_message.Message):
    __slots__ = ("peer", "token", "authorization", "versions_url", "expire_time")
    PEER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    token: str
    authorization: str
    versions_url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ..., token: _Optional[str] = ..., authorization: _Optional[str] = ..., versions_url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConnectPeerRequest(_message.Message):
    __slots__ = ("parent", "peer_id", "versions_url", "token", "version", "terms", "wait", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    peer_id: str
    versions_url: str
    token: str
    version: str
    terms: _resources_pb2.InvitationTerms
    wait: bool
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., peer_id: _Optional[str] = ..., versions_url: _Optional[str] = ..., token: _Optional[str] = ..., version: _Optional[str] = ..., terms: _Optional[_Union[_resources_pb2.InvitationTerms, _Mapping]] = ..., wait: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class ConnectPeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class RotatePeerRequest(_message.Message):
    __slots__ = ("name", "etag", "wait", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    wait: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., wait: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class RotatePeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class SwitchPeerVersionRequest(_message.Message):
    __slots__ = ("name", "version", "etag", "wait", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    etag: str
    wait: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., etag: _Optional[str] = ..., wait: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class SwitchPeerVersionResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class RevokePeerRequest(_message.Message):
    __slots__ = ("name", "etag", "wait", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    wait: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., wait: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class RevokePeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class GetPeerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetPeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class ListPeersRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "order_by", "failing", "state")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    order_by: str
    failing: bool
    state: _resources_pb2.PeerState
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order_by: _Optional[str] = ..., failing: bool = ..., state: _Optional[_Union[_resources_pb2.PeerState, str]] = ...) -> None: ...

class ListPeersResponse(_message.Message):
    __slots__ = ("peers", "next_page_token")
    PEERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Peer]
    next_page_token: str
    def __init__(self, peers: _Optional[_Iterable[_Union[_resources_pb2.Peer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdatePeerRequest(_message.Message):
    __slots__ = ("peer", "update_mask", "request_id")
    PEER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdatePeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class UnregisterPeerRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id", "force", "wait")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    force: bool
    wait: bool
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ..., force: bool = ..., wait: bool = ...) -> None: ...

class UnregisterPeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class DeletePeerRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeletePeerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetPeerRequest(_message.Message):
    __slots__ = ("name", "expiry", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    expiry: _duration_pb2.Duration
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., expiry: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResetPeerResponse(_message.Message):
    __slots__ = ("peer", "token", "authorization", "versions_url", "expire_time")
    PEER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    token: str
    authorization: str
    versions_url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ..., token: _Optional[str] = ..., authorization: _Optional[str] = ..., versions_url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BlockPeerRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class BlockPeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class UnblockPeerRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UnblockPeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _resources_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ...) -> None: ...

class ListExchangesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListExchangesResponse(_message.Message):
    __slots__ = ("exchanges", "next_page_token")
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    exchanges: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Exchange]
    next_page_token: str
    def __init__(self, exchanges: _Optional[_Iterable[_Union[_resources_pb2.Exchange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PortablePeer(_message.Message):
    __slots__ = ("peer_id", "version", "versions_url", "endpoints", "parties", "held_token", "issued_token", "issued_token_hash", "auth_form_in", "auth_form_out", "quirks", "terms", "lifecycle", "rotation_period", "renewal", "versions", "may_downgrade", "blocked")
    class QuirksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    HELD_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ISSUED_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ISSUED_TOKEN_HASH_FIELD_NUMBER: _ClassVar[int]
    AUTH_FORM_IN_FIELD_NUMBER: _ClassVar[int]
    AUTH_FORM_OUT_FIELD_NUMBER: _ClassVar[int]
    QUIRKS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    ROTATION_PERIOD_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MAY_DOWNGRADE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    version: str
    versions_url: str
    endpoints: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Endpoint]
    parties: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Party]
    held_token: str
    issued_token: str
    issued_token_hash: str
    auth_form_in: _resources_pb2.HeaderForm
    auth_form_out: _resources_pb2.HeaderForm
    quirks: _containers.ScalarMap[str, str]
    terms: _resources_pb2.InvitationTerms
    lifecycle: _resources_pb2.PeerLifecycle
    rotation_period: _duration_pb2.Duration
    renewal: _resources_pb2.PeerRenewal
    versions: _containers.RepeatedScalarFieldContainer[str]
    may_downgrade: bool
    blocked: bool
    def __init__(self, peer_id: _Optional[str] = ..., version: _Optional[str] = ..., versions_url: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[_resources_pb2.Endpoint, _Mapping]]] = ..., parties: _Optional[_Iterable[_Union[_resources_pb2.Party, _Mapping]]] = ..., held_token: _Optional[str] = ..., issued_token: _Optional[str] = ..., issued_token_hash: _Optional[str] = ..., auth_form_in: _Optional[_Union[_resources_pb2.HeaderForm, str]] = ..., auth_form_out: _Optional[_Union[_resources_pb2.HeaderForm, str]] = ..., quirks: _Optional[_Mapping[str, str]] = ..., terms: _Optional[_Union[_resources_pb2.InvitationTerms, _Mapping]] = ..., lifecycle: _Optional[_Union[_resources_pb2.PeerLifecycle, str]] = ..., rotation_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., renewal: _Optional[_Union[_resources_pb2.PeerRenewal, str]] = ..., versions: _Optional[_Iterable[str]] = ..., may_downgrade: bool = ..., blocked: bool = ...) -> None: ...

class ImportPeerRequest(_message.Message):
    __slots__ = ("parent", "peer", "check", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    peer: PortablePeer
    check: bool
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., peer: _Optional[_Union[PortablePeer, _Mapping]] = ..., check: bool = ..., validate_only: bool = ...) -> None: ...

class ImportPeerResponse(_message.Message):
    __slots__ = ("outcome", "peer", "warnings")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    outcome: ImportOutcome
    peer: _resources_pb2.Peer
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcome: _Optional[_Union[ImportOutcome, str]] = ..., peer: _Optional[_Union[_resources_pb2.Peer, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportPeersRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "with_tokens")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WITH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    with_tokens: bool
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., with_tokens: bool = ...) -> None: ...

class ExportPeersResponse(_message.Message):
    __slots__ = ("peers", "next_page_token")
    PEERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[PortablePeer]
    next_page_token: str
    def __init__(self, peers: _Optional[_Iterable[_Union[PortablePeer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
