from ocpi_broker.v1 import reasons_pb2 as _reasons_pb2
from ocpi_broker.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OcpiCall(_message.Message):
    __slots__ = ("tenant", "authorization", "source", "without_ids")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    authorization: _containers.RepeatedScalarFieldContainer[str]
    source: str
    without_ids: bool
    def __init__(self, tenant: _Optional[str] = ..., authorization: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., without_ids: bool = ...) -> None: ...

class Style(_message.Message):
    __slots__ = ("draft", "explicit_nulls")
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    EXPLICIT_NULLS_FIELD_NUMBER: _ClassVar[int]
    draft: bool
    explicit_nulls: bool
    def __init__(self, draft: bool = ..., explicit_nulls: bool = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("call",)
    CALL_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    class Version(_message.Message):
        __slots__ = ("version", "url")
        VERSION_FIELD_NUMBER: _ClassVar[int]
        URL_FIELD_NUMBER: _ClassVar[int]
        version: str
        url: str
        def __init__(self, version: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ListVersionsResponse.Version]
    def __init__(self, versions: _Optional[_Iterable[_Union[ListVersionsResponse.Version, _Mapping]]] = ...) -> None: ...

class GetVersionDetailsRequest(_message.Message):
    __slots__ = ("call", "version")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class GetVersionDetailsResponse(_message.Message):
    __slots__ = ("version", "endpoints")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    version: str
    endpoints: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Endpoint]
    def __init__(self, version: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[_resources_pb2.Endpoint, _Mapping]]] = ...) -> None: ...

class Credentials(_message.Message):
    __slots__ = ("token", "url", "parties", "style")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    token: str
    url: str
    parties: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Party]
    style: Style
    def __init__(self, token: _Optional[str] = ..., url: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[_resources_pb2.Party, _Mapping]]] = ..., style: _Optional[_Union[Style, _Mapping]] = ...) -> None: ...

class Announcement(_message.Message):
    __slots__ = ("token", "url", "parties", "draft", "warnings")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    token: str
    url: str
    parties: _containers.RepeatedCompositeFieldContainer[AnnouncedParty]
    draft: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, token: _Optional[str] = ..., url: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[AnnouncedParty, _Mapping]]] = ..., draft: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class AnnouncedParty(_message.Message):
    __slots__ = ("path", "country_code", "party_id", "role", "business_details")
    PATH_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[int]
    PARTY_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_DETAILS_FIELD_NUMBER: _ClassVar[int]
    path: str
    country_code: str
    party_id: str
    role: _resources_pb2.Role
    business_details: _resources_pb2.BusinessDetails
    def __init__(self, path: _Optional[str] = ..., country_code: _Optional[str] = ..., party_id: _Optional[str] = ..., role: _Optional[_Union[_resources_pb2.Role, str]] = ..., business_details: _Optional[_Union[_resources_pb2.BusinessDetails, _Mapping]] = ...) -> None: ...

class UnreadableBody(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: _reasons_pb2.Reason
    message: str
    def __init__(self, reason: _Optional[_Union[_reasons_pb2.Reason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class GetCredentialsRequest(_message.Message):
    __slots__ = ("call", "version")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class GetCredentialsResponse(_message.Message):
    __slots__ = ("credentials",)
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    credentials: Credentials
    def __init__(self, credentials: _Optional[_Union[Credentials, _Mapping]] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("call", "version", "announcement", "unreadable")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    announcement: Announcement
    unreadable: UnreadableBody
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ..., announcement: _Optional[_Union[Announcement, _Mapping]] = ..., unreadable: _Optional[_Union[UnreadableBody, _Mapping]] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("credentials",)
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    credentials: Credentials
    def __init__(self, credentials: _Optional[_Union[Credentials, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("call", "version", "announcement", "unreadable")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    announcement: Announcement
    unreadable: UnreadableBody
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ..., announcement: _Optional[_Union[Announcement, _Mapping]] = ..., unreadable: _Optional[_Union[UnreadableBody, _Mapping]] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ("credentials",)
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    credentials: Credentials
    def __init__(self, credentials: _Optional[_Union[Credentials, _Mapping]] = ...) -> None: ...

class UnregisterRequest(_message.Message):
    __slots__ = ("call", "version")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class UnregisterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
