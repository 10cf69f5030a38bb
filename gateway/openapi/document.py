"""The document as a whole: a path for every route of every version, with and without the tenant's name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from broker.contract.names import RESERVED, TENANT_ID
from broker.core.model import HeaderForm
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import ABSENT, Dialect, Json
from gateway.app import BODY_LIMIT, PREFIXES, resources
from gateway.message_ids import HARMLESS
from gateway.openapi import schemas
from gateway.openapi.responses import Operation, failures_of, success_of
from gateway.upstream import Upstream

if TYPE_CHECKING:
    from grpc.aio import Channel

_ABOUT = f"""What the gateway serves to OCPI platforms: version list, version details and credentials.

Every path also answers with a slash at its end, and answers the same. HEAD is answered like GET. Any other method that
is not listed is answered 405 with the header Allow, to those who show a good token. A body may have {BODY_LIMIT} bytes.
Fields that are not listed are ignored. X-Request-ID and X-Correlation-ID are repeated in the answer; what is missing or
could do harm is replaced by a new id.
"""

_FORMS = {
    HeaderForm.RAW: "the token as it is: `Token example-token`. The form of the older versions",
    HeaderForm.BASE64: "the token in Base64: `Token ZXhhbXBsZS10b2tlbg==`. The form of the newer versions",
}


class _Unconnected:
    """A channel for handlers that are never called."""

    def unary_unary(self, *_: Any, **__: Any) -> None:
        return None


def document() -> Json:
    """OpenAPI 3.1, ready to be written as JSON. The same each time."""
    shared: dict[str, Json] = {}
    paths = {prefix + path: item for prefix in PREFIXES for path, item in _paths(prefix, shared)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "OCPI Broker: the gateway", "version": ", ".join(DIALECTS), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": dict(sorted(shared.items())),
            "parameters": _parameters(),
            "headers": {name: {"required": True, "schema": _id()} for name in ("X-Request-ID", "X-Correlation-ID")},
            "securitySchemes": {
                form.value: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": f"The word Token, a blank, and {text}; both are understood in every version.",
                }
                for form, text in _FORMS.items()
            },
        },
    }


def _paths(prefix: str, shared: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """Paths below a prefix; what they may be answered is collected in shared."""
    served = resources(Upstream(cast("Channel", _Unconnected()), ""), BODY_LIMIT)
    tenant = [{"$ref": "#/components/parameters/tenant"}] if "{tenant}" in prefix else []
    for path, handlers in sorted(served.items()):
        for dialect in DIALECTS.values() if "{version}" in path else (None,):
            operations = {
                method.lower(): _operation(path, method, dialect, named=bool(tenant), shared=shared)
                for method in handlers
            }
            version = "" if dialect is None else dialect.version.text
            yield path.replace("{version}", version), {"parameters": [*tenant, *_message_ids()], **operations}


def _operation(path: str, method: str, dialect: Dialect | None, *, named: bool, shared: dict[str, Json]) -> Json:
    version = "" if dialect is None else dialect.version.text
    name = "-".join(part for part in (method.lower(), *path.replace("{version}", version).split("/")) if part)
    operation = Operation(method, path, _data(path, method, dialect))
    success = {"200": _share(shared, name, success_of(operation))}
    failures = {status: _share(shared, _name(status, said), said) for status, said in failures_of(operation).items()}
    described: Json = {
        "operationId": name + ("-of-tenant" if named else ""),
        "security": [{form.value: []} for form in _forms(dialect)],
        "responses": success | failures,
    }
    if method in {"POST", "PUT"}:
        schema = {"$ref": f"#/components/schemas/Announced-{version}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _data(path: str, method: str, dialect: Dialect | None) -> Json | None:
    if dialect is None:
        return {"$ref": "#/components/schemas/Versions"}
    if method == "DELETE":
        return None if dialect.unregistered is ABSENT else {"const": dialect.unregistered}
    kind = "Answered" if path.endswith("/credentials") else "Details"
    return {"$ref": f"#/components/schemas/{kind}-{dialect.version}"}


def _name(status: str, response: Json) -> str:
    """Of a failure: told apart by its OCPI codes, and 405 by what is allowed instead."""
    codes = response["content"]["application/json"]["schema"]["properties"]["status_code"]["enum"]
    allowed = response["headers"].get("Allow", {}).get("schema", {}).get("enum", [])
    return "-".join([status, *map(str, codes), *(text.replace(", ", "-") for text in allowed)])


def _share(shared: dict[str, Json], name: str, response: Json) -> Json:
    if shared.setdefault(name, response) != response:
        raise ValueError(f"two responses are called {name}")
    return {"$ref": f"#/components/responses/{name}"}


def _forms(dialect: Dialect | None) -> list[HeaderForm]:
    """The form that the version has comes first."""
    usual = HeaderForm.BASE64 if dialect is None else dialect.header
    return sorted(HeaderForm, key=lambda form: form is not usual)


def _schemas() -> dict[str, Json]:
    found = dict(schemas.COMMON) | {"Versions": schemas.versions_example(DIALECTS.values())}
    for dialect in DIALECTS.values():
        found |= schemas.of_dialect(dialect)
    return dict(sorted(found.items()))


def _parameters() -> Json:
    tenant: Json = {"type": "string", "pattern": f"^{TENANT_ID}$", "not": {"enum": sorted(RESERVED)}}
    ids = {
        name: {"name": name, "in": "header", "required": False, "schema": _id()}
        for name in ("X-Request-ID", "X-Correlation-ID")
    }
    return {"tenant": {"name": "tenant", "in": "path", "required": True, "schema": tenant}} | ids


def _message_ids() -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in ("X-Request-ID", "X-Correlation-ID")]


def _id() -> Json:
    return {"type": "string", "pattern": f"^{HARMLESS.pattern.decode('ascii')}$"}
