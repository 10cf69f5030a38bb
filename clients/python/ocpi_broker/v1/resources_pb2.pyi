import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from ocpi_broker.v1 import reasons_pb2 as _reasons_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_CPO: _ClassVar[Role]
    ROLE_EMSP: _ClassVar[Role]
    ROLE_HUB: _ClassVar[Role]
    ROLE_NAP: _ClassVar[Role]
    ROLE_NSP: _ClassVar[Role]
    ROLE_OTHER: _ClassVar[Role]
    ROLE_SCSP: _ClassVar[Role]

class InterfaceRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERFACE_ROLE_UNSPECIFIED: _ClassVar[InterfaceRole]
    INTERFACE_ROLE_SENDER: _ClassVar[InterfaceRole]
    INTERFACE_ROLE_RECEIVER: _ClassVar[InterfaceRole]

class RolePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_POLICY_UNSPECIFIED: _ClassVar[RolePolicy]
    ROLE_POLICY_EXACT: _ClassVar[RolePolicy]
    ROLE_POLICY_PATTERN: _ClassVar[RolePolicy]
    ROLE_POLICY_MANUAL: _ClassVar[RolePolicy]

class PeerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PEER_STATE_UNSPECIFIED: _ClassVar[PeerState]
    PEER_STATE_INVITED: _ClassVar[PeerState]
    PEER_STATE_REGISTERED: _ClassVar[PeerState]
    PEER_STATE_UNREGISTERED: _ClassVar[PeerState]
    PEER_STATE_CONNECTING: _ClassVar[PeerState]

class HealthState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATE_UNSPECIFIED: _ClassVar[HealthState]
    HEALTH_STATE_UNKNOWN: _ClassVar[HealthState]
    HEALTH_STATE_OK: _ClassVar[HealthState]
    HEALTH_STATE_FAILING: _ClassVar[HealthState]

class HealthReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_REASON_UNSPECIFIED: _ClassVar[HealthReason]
    HEALTH_REASON_WRONG_AUTH_FORM: _ClassVar[HealthReason]
    HEALTH_REASON_PEER_REJECTED_TOKEN: _ClassVar[HealthReason]
    HEALTH_REASON_NOT_FOUND: _ClassVar[HealthReason]
    HEALTH_REASON_REDIRECTED: _ClassVar[HealthReason]
    HEALTH_REASON_HTTP_ERROR: _ClassVar[HealthReason]
    HEALTH_REASON_OCPI_ERROR: _ClassVar[HealthReason]
    HEALTH_REASON_UNREADABLE: _ClassVar[HealthReason]
    HEALTH_REASON_TLS_FAILED: _ClassVar[HealthReason]
    HEALTH_REASON_UNREACHABLE: _ClassVar[HealthReason]
    HEALTH_REASON_NO_ANSWER: _ClassVar[HealthReason]
    HEALTH_REASON_URL_REFUSED: _ClassVar[HealthReason]
    HEALTH_REASON_TOKEN_UNREADABLE: _ClassVar[HealthReason]

class PeerLifecycle(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PEER_LIFECYCLE_UNSPECIFIED: _ClassVar[PeerLifecycle]
    PEER_LIFECYCLE_MANAGED: _ClassVar[PeerLifecycle]
    PEER_LIFECYCLE_MANUAL: _ClassVar[PeerLifecycle]

class PeerRenewal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PEER_RENEWAL_UNSPECIFIED: _ClassVar[PeerRenewal]
    PEER_RENEWAL_PUT: _ClassVar[PeerRenewal]
    PEER_RENEWAL_REREGISTER: _ClassVar[PeerRenewal]

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_WAITING: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]

class HeaderForm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEADER_FORM_UNSPECIFIED: _ClassVar[HeaderForm]
    HEADER_FORM_RAW: _ClassVar[HeaderForm]
    HEADER_FORM_BASE64: _ClassVar[HeaderForm]

class ExchangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCHANGE_KIND_UNSPECIFIED: _ClassVar[ExchangeKind]
    EXCHANGE_KIND_POST: _ClassVar[ExchangeKind]
    EXCHANGE_KIND_PUT: _ClassVar[ExchangeKind]
    EXCHANGE_KIND_DELETE: _ClassVar[ExchangeKind]

class ExchangeOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCHANGE_OUTCOME_UNSPECIFIED: _ClassVar[ExchangeOutcome]
    EXCHANGE_OUTCOME_RUNNING: _ClassVar[ExchangeOutcome]
    EXCHANGE_OUTCOME_SUCCEEDED: _ClassVar[ExchangeOutcome]
    EXCHANGE_OUTCOME_REFUSED: _ClassVar[ExchangeOutcome]
    EXCHANGE_OUTCOME_ABANDONED: _ClassVar[ExchangeOutcome]
    EXCHANGE_OUTCOME_UNKNOWN: _ClassVar[ExchangeOutcome]

class ExchangeDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCHANGE_DIRECTION_UNSPECIFIED: _ClassVar[ExchangeDirection]
    EXCHANGE_DIRECTION_INBOUND: _ClassVar[ExchangeDirection]
    EXCHANGE_DIRECTION_OUTBOUND: _ClassVar[ExchangeDirection]
ROLE_UNSPECIFIED: Role
ROLE_CPO: Role
ROLE_EMSP: Role
ROLE_HUB: Role
ROLE_NAP: Role
ROLE_NSP: Role
ROLE_OTHER: Role
ROLE_SCSP: Role
INTERFACE_ROLE_UNSPECIFIED: InterfaceRole
INTERFACE_ROLE_SENDER: InterfaceRole
INTERFACE_ROLE_RECEIVER: InterfaceRole
ROLE_POLICY_UNSPECIFIED: RolePolicy
ROLE_POLICY_EXACT: RolePolicy
ROLE_POLICY_PATTERN: RolePolicy
ROLE_POLICY_MANUAL: RolePolicy
PEER_STATE_UNSPECIFIED: PeerState
PEER_STATE_INVITED: PeerState
PEER_STATE_REGISTERED: PeerState
PEER_STATE_UNREGISTERED: PeerState
PEER_STATE_CONNECTING: PeerState
HEALTH_STATE_UNSPECIFIED: HealthState
HEALTH_STATE_UNKNOWN: HealthState
HEALTH_STATE_OK: HealthState
HEALTH_STATE_FAILING: HealthState
HEALTH_REASON_UNSPECIFIED: HealthReason
HEALTH_REASON_WRONG_AUTH_FORM: HealthReason
HEALTH_REASON_PEER_REJECTED_TOKEN: HealthReason
HEALTH_REASON_NOT_FOUND: HealthReason
HEALTH_REASON_REDIRECTED: HealthReason
HEALTH_REASON_HTTP_ERROR: HealthReason
HEALTH_REASON_OCPI_ERROR: HealthReason
HEALTH_REASON_UNREADABLE: HealthReason
HEALTH_REASON_TLS_FAILED: HealthReason
HEALTH_REASON_UNREACHABLE: HealthReason
HEALTH_REASON_NO_ANSWER: HealthReason
HEALTH_REASON_URL_REFUSED: HealthReason
HEALTH_REASON_TOKEN_UNREADABLE: HealthReason
PEER_LIFECYCLE_UNSPECIFIED: PeerLifecycle
PEER_LIFECYCLE_MANAGED: PeerLifecycle
PEER_LIFECYCLE_MANUAL: PeerLifecycle
PEER_RENEWAL_UNSPECIFIED: PeerRenewal
PEER_RENEWAL_PUT: PeerRenewal
PEER_RENEWAL_REREGISTER: PeerRenewal
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_WAITING: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_FAILED: JobState
HEADER_FORM_UNSPECIFIED: HeaderForm
HEADER_FORM_RAW: HeaderForm
HEADER_FORM_BASE64: HeaderForm
EXCHANGE_KIND_UNSPECIFIED: ExchangeKind
EXCHANGE_KIND_POST: ExchangeKind
EXCHANGE_KIND_PUT: ExchangeKind
EXCHANGE_KIND_DELETE: ExchangeKind
EXCHANGE_OUTCOME_UNSPECIFIED: ExchangeOutcome
EXCHANGE_OUTCOME_RUNNING: ExchangeOutcome
EXCHANGE_OUTCOME_SUCCEEDED: ExchangeOutcome
EXCHANGE_OUTCOME_REFUSED: ExchangeOutcome
EXCHANGE_OUTCOME_ABANDONED: ExchangeOutcome
EXCHANGE_OUTCOME_UNKNOWN: ExchangeOutcome
EXCHANGE_DIRECTION_UNSPECIFIED: ExchangeDirection
EXCHANGE_DIRECTION_INBOUND: ExchangeDirection
EXCHANGE_DIRECTION_OUTBOUND: ExchangeDirection

class Image(_message.Message):
    __slots__ = ("url", "thumbnail", "category", "type", "width", "height")
    URL_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    url: str
    thumbnail: str
    category: str
    type: str
    width: int
    height: int
    def __init__(self, url: _Optional[str] = ..., thumbnail: _Optional[str] = ..., category: _Optional[str] = ..., type: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class BusinessDetails(_message.Message):
    __slots__ = ("name", "website", "logo")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEBSITE_FIELD_NUMBER: _ClassVar[int]
    LOGO_FIELD_NUMBER: _ClassVar[int]
    name: str
    website: str
    logo: Image
    def __init__(self, name: _Optional[str] = ..., website: _Optional[str] = ..., logo: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class Party(_message.Message):
    __slots__ = ("country_code", "party_id", "role", "business_details")
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[int]
    PARTY_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_DETAILS_FIELD_NUMBER: _ClassVar[int]
    country_code: str
    party_id: str
    role: Role
    business_details: BusinessDetails
    def __init__(self, country_code: _Optional[str] = ..., party_id: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., business_details: _Optional[_Union[BusinessDetails, _Mapping]] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("module", "interface_role", "url")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_ROLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    module: str
    interface_role: InterfaceRole
    url: str
    def __init__(self, module: _Optional[str] = ..., interface_role: _Optional[_Union[InterfaceRole, str]] = ..., url: _Optional[str] = ...) -> None: ...

class Tenant(_message.Message):
    __slots__ = ("name", "versions", "parties", "public_url", "endpoints", "policy", "versions_url", "etag", "create_time", "update_time", "warnings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_URL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    public_url: str
    endpoints: _containers.RepeatedCompositeFieldContainer[VersionedEndpoint]
    policy: TenantPolicy
    versions_url: str
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ..., parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., public_url: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[VersionedEndpoint, _Mapping]]] = ..., policy: _Optional[_Union[TenantPolicy, _Mapping]] = ..., versions_url: _Optional[str] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class VersionedEndpoint(_message.Message):
    __slots__ = ("version", "endpoint")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    version: str
    endpoint: Endpoint
    def __init__(self, version: _Optional[str] = ..., endpoint: _Optional[_Union[Endpoint, _Mapping]] = ...) -> None: ...

class RequiredModule(_message.Message):
    __slots__ = ("peer_role", "module", "interface_role")
    PEER_ROLE_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_ROLE_FIELD_NUMBER: _ClassVar[int]
    peer_role: Role
    module: str
    interface_role: InterfaceRole
    def __init__(self, peer_role: _Optional[_Union[Role, str]] = ..., module: _Optional[str] = ..., interface_role: _Optional[_Union[InterfaceRole, str]] = ...) -> None: ...

class TenantPolicy(_message.Message):
    __slots__ = ("invitation_expiry", "post_retry_window", "put_retry_window", "required_modules", "role_policy", "may_downgrade", "strict", "rotation_period", "probe_interval")
    INVITATION_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    POST_RETRY_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PUT_RETRY_WINDOW_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_MODULES_FIELD_NUMBER: _ClassVar[int]
    ROLE_POLICY_FIELD_NUMBER: _ClassVar[int]
    MAY_DOWNGRADE_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    ROTATION_PERIOD_FIELD_NUMBER: _ClassVar[int]
    PROBE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    invitation_expiry: _duration_pb2.Duration
    post_retry_window: _duration_pb2.Duration
    put_retry_window: _duration_pb2.Duration
    required_modules: _containers.RepeatedCompositeFieldContainer[RequiredModule]
    role_policy: RolePolicy
    may_downgrade: bool
    strict: bool
    rotation_period: _duration_pb2.Duration
    probe_interval: _duration_pb2.Duration
    def __init__(self, invitation_expiry: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., post_retry_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., put_retry_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., required_modules: _Optional[_Iterable[_Union[RequiredModule, _Mapping]]] = ..., role_policy: _Optional[_Union[RolePolicy, str]] = ..., may_downgrade: bool = ..., strict: bool = ..., rotation_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., probe_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("name", "state", "blocked", "unconfirmed", "version", "versions_url", "parties", "endpoints", "terms", "invitation_expire_time", "register_time", "token_time", "etag", "create_time", "update_time", "warnings", "quirks", "versions", "may_downgrade", "requested_parties", "auth_form_in", "auth_form_out", "job", "next_rotation_time", "quarantined", "findings", "health", "lifecycle", "rotation_period", "renewal")
    class QuirksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    INVITATION_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REGISTER_TIME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    QUIRKS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MAY_DOWNGRADE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_PARTIES_FIELD_NUMBER: _ClassVar[int]
    AUTH_FORM_IN_FIELD_NUMBER: _ClassVar[int]
    AUTH_FORM_OUT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    NEXT_ROTATION_TIME_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    ROTATION_PERIOD_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: PeerState
    blocked: bool
    unconfirmed: bool
    version: str
    versions_url: str
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    terms: InvitationTerms
    invitation_expire_time: _timestamp_pb2.Timestamp
    register_time: _timestamp_pb2.Timestamp
    token_time: _timestamp_pb2.Timestamp
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    warnings: _containers.RepeatedScalarFieldContainer[str]
    quirks: _containers.ScalarMap[str, str]
    versions: _containers.RepeatedScalarFieldContainer[str]
    may_downgrade: bool
    requested_parties: _containers.RepeatedCompositeFieldContainer[Party]
    auth_form_in: HeaderForm
    auth_form_out: HeaderForm
    job: Job
    next_rotation_time: _timestamp_pb2.Timestamp
    quarantined: bool
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    health: Health
    lifecycle: PeerLifecycle
    rotation_period: _duration_pb2.Duration
    renewal: PeerRenewal
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[PeerState, str]] = ..., blocked: bool = ..., unconfirmed: bool = ..., version: _Optional[str] = ..., versions_url: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., terms: _Optional[_Union[InvitationTerms, _Mapping]] = ..., invitation_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., register_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., token_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., quirks: _Optional[_Mapping[str, str]] = ..., versions: _Optional[_Iterable[str]] = ..., may_downgrade: bool = ..., requested_parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., auth_form_in: _Optional[_Union[HeaderForm, str]] = ..., auth_form_out: _Optional[_Union[HeaderForm, str]] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., next_rotation_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., quarantined: bool = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., health: _Optional[_Union[Health, _Mapping]] = ..., lifecycle: _Optional[_Union[PeerLifecycle, str]] = ..., rotation_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., renewal: _Optional[_Union[PeerRenewal, str]] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("state", "since_time", "reason", "message", "last_contact_in_time", "last_contact_out_time", "last_probe_time")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LAST_CONTACT_IN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_CONTACT_OUT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_PROBE_TIME_FIELD_NUMBER: _ClassVar[int]
    state: HealthState
    since_time: _timestamp_pb2.Timestamp
    reason: HealthReason
    message: str
    last_contact_in_time: _timestamp_pb2.Timestamp
    last_contact_out_time: _timestamp_pb2.Timestamp
    last_probe_time: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[HealthState, str]] = ..., since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[_Union[HealthReason, str]] = ..., message: _Optional[str] = ..., last_contact_in_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_contact_out_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_probe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("id", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    message: str
    def __init__(self, id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("kind", "state", "version", "attempts", "next_attempt_time", "outcome_unknown", "last_error", "advice", "start_time", "scheduled")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    kind: ExchangeKind
    state: JobState
    version: str
    attempts: int
    next_attempt_time: _timestamp_pb2.Timestamp
    outcome_unknown: bool
    last_error: _status_pb2.Status
    advice: str
    start_time: _timestamp_pb2.Timestamp
    scheduled: bool
    def __init__(self, kind: _Optional[_Union[ExchangeKind, str]] = ..., state: _Optional[_Union[JobState, str]] = ..., version: _Optional[str] = ..., attempts: _Optional[int] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome_unknown: bool = ..., last_error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., advice: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scheduled: bool = ...) -> None: ...

class InvitationTerms(_message.Message):
    __slots__ = ("parties", "any_party", "versions_url", "patterns")
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    ANY_PARTY_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_URL_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    parties: _containers.RepeatedCompositeFieldContainer[Party]
    any_party: bool
    versions_url: str
    patterns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parties: _Optional[_Iterable[_Union[Party, _Mapping]]] = ..., any_party: bool = ..., versions_url: _Optional[str] = ..., patterns: _Optional[_Iterable[str]] = ...) -> None: ...

class ExchangeStep(_message.Message):
    __slots__ = ("summary", "end_time", "duration")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    summary: str
    end_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    def __init__(self, summary: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Exchange(_message.Message):
    __slots__ = ("uid", "kind", "version", "outcome", "reason", "message", "correlation_id", "request_id", "start_time", "end_time", "steps", "warnings", "quirk", "direction")
    UID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    QUIRK_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    uid: str
    kind: ExchangeKind
    version: str
    outcome: ExchangeOutcome
    reason: _reasons_pb2.Reason
    message: str
    correlation_id: str
    request_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    steps: _containers.RepeatedCompositeFieldContainer[ExchangeStep]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    quirk: str
    direction: ExchangeDirection
    def __init__(self, uid: _Optional[str] = ..., kind: _Optional[_Union[ExchangeKind, str]] = ..., version: _Optional[str] = ..., outcome: _Optional[_Union[ExchangeOutcome, str]] = ..., reason: _Optional[_Union[_reasons_pb2.Reason, str]] = ..., message: _Optional[str] = ..., correlation_id: _Optional[str] = ..., request_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[ExchangeStep, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ..., quirk: _Optional[str] = ..., direction: _Optional[_Union[ExchangeDirection, str]] = ...) -> None: ...
