from ocpi_broker.v1 import reasons_pb2 as _reasons_pb2
from ocpi_broker.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OcpiCall(_message.Message):
    __slots__ = ("tenant", "authorization", "source")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    authorization: _containers.RepeatedScalarFieldContainer[str]
    source: str
    def __init__(self, tenant: _Optional[str] = ..., authorization: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("token", "url", "parties", "hub_party_id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    HUB_PARTY_ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    url: str
    parties: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Party]
    hub_party_id: str
    def __init__(self, token: _Optional[str] = ..., url: _Optional[str] = ..., parties: _Optional[_Iterable[_Union[_resources_pb2.Party, _Mapping]]] = ..., hub_party_id: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("call", "version", "credentials", "unreadable")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    credentials: Credentials
    unreadable: UnreadableBody
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ..., credentials: _Optional[_Union[Credentials, _Mapping]] = ..., unreadable: _Optional[_Union[UnreadableBody, _Mapping]] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("credentials",)
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    credentials: Credentials
    def __init__(self, credentials: _Optional[_Union[Credentials, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("call", "version", "credentials", "unreadable")
    CALL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    call: OcpiCall
    version: str
    credentials: Credentials
    unreadable: UnreadableBody
    def __init__(self, call: _Optional[_Union[OcpiCall, _Mapping]] = ..., version: _Optional[str] = ..., credentials: _Optional[_Union[Credentials, _Mapping]] = ..., unreadable: _Optional[_Union[UnreadableBody, _Mapping]] = ...) -> None: ...

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
