"""Tables that must keep up with each other: refusals, reasons, permissions, migrations."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor, descriptor_pool, message_factory

import broker.errors
import gateway.refusals
import ocpi_broker.v1
from broker.errors import BrokerError
from broker.rpc import permissions, refusals
from ocpi_broker.v1 import reasons_pb2
from tests.database import Database
from tests.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ocpi_broker.v1"
# Served for probes and tools, with or without a key.
STANDARD = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}


def refusal_classes(kind: type[BrokerError] = BrokerError) -> Iterator[type[BrokerError]]:
    """Every refusal there is, also those that other modules derive."""
    for child in kind.__subclasses__():
        yield child
        yield from refusal_classes(child)


def reason_names() -> set[str]:
    return {name.removeprefix("REASON_") for name, number in reasons_pb2.Reason.items() if number}


def services() -> Iterator[descriptor.ServiceDescriptor]:
    """Every service of the contract, from the descriptor pool."""
    pool = descriptor_pool.Default()
    for module in pkgutil.iter_modules(ocpi_broker.v1.__path__):
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{PACKAGE}.{module.name}")
            file = pool.FindFileByName(f"ocpi_broker/v1/{module.name.removesuffix('_pb2')}.proto")
            yield from file.services_by_name.values()


def methods() -> dict[str, descriptor.MethodDescriptor]:
    return {f"/{service.full_name}/{method.name}": method for service in services() for method in service.methods}


def keyed_by_reason(table: Any) -> set[str]:
    """The reasons that a table has a row for, whether it is keyed by class, by name or by number."""
    names = set()
    for key in table:
        if isinstance(key, type):
            names.add(key.reason)  # type: ignore[attr-defined]
        elif isinstance(key, int):
            names.add(reasons_pb2.Reason.Name(key).removeprefix("REASON_"))  # type: ignore[arg-type]
        else:
            names.add(str(key).removeprefix("REASON_"))
    return names


def test_the_contract_is_found() -> None:
    """Or every test below would pass for nothing."""
    assert len(list(services())) == 5
    assert len(methods()) > 25
    assert len(reason_names()) > 20


def test_every_refusal_has_a_reason_of_its_own_and_every_reason_a_refusal() -> None:
    ours = [kind for kind in refusal_classes() if kind.__module__ == broker.errors.__name__]

    assert sorted(kind.reason for kind in ours) == sorted(reason_names())


def test_refusals_derived_elsewhere_keep_the_reason_of_their_base() -> None:
    derived = [kind for kind in refusal_classes() if kind.__module__ != broker.errors.__name__]

    assert [kind for kind in derived if "reason" in vars(kind)] == []


def test_every_refusal_has_a_grpc_status() -> None:
    assert keyed_by_reason(refusals.STATUS) == reason_names()


def test_grpc_statuses_are_those_that_the_contract_documents() -> None:
    """Each comment in reasons.proto ends in "gRPC NAME"; the table says the same."""
    documented = dict(_documented("gRPC "))

    told = {reason: code.name for reason, code in _statuses()}

    assert told == documented


def test_http_statuses_are_those_that_the_contract_documents() -> None:
    """Each reason that a peer can meet names its HTTP status in reasons.proto."""
    documented = {reason: int(status) for reason, status in _documented("HTTP ")}

    told = {reason: _http(reason) for reason in documented}

    assert told == documented


def test_every_reason_has_an_http_status() -> None:
    assert keyed_by_reason(gateway.refusals.REFUSALS) == reason_names()


def test_every_rpc_has_a_rule() -> None:
    """D8: a method without a row keeps the server from starting."""
    rules = set(permissions.RULES)

    assert set(methods()) - rules == set()
    assert rules - set(methods()) <= STANDARD


@pytest.mark.anyio
async def test_every_rpc_is_served(stack: Stack) -> None:
    """None answers UNIMPLEMENTED; an empty request gets an answer or a refusal that says why, never a defect."""
    for path, method in methods().items():
        request = message_factory.GetMessageClass(method.input_type)()
        answer = message_factory.GetMessageClass(method.output_type)
        call = stack.services.channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        try:
            await call(request, timeout=20)
        except grpc.RpcError as error:
            said = error.code()
            assert said not in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, path


@pytest.mark.anyio
async def test_every_table_has_a_migration(own_stack: Stack, database: Database) -> None:
    """Alembic finds nothing to do between a migrated database and the code; at checks it does not look by itself."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import CheckConstraint, create_engine, inspect

    from broker.store.tables import metadata

    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            differences = compare_metadata(context, metadata)
            looked_at = inspect(connection)
            checks = {name: {one["name"] for one in looked_at.get_check_constraints(name)} for name in metadata.tables}
    finally:
        engine.dispose()

    assert differences == []
    assert checks == {
        name: {one.name for one in table.constraints if isinstance(one, CheckConstraint)}
        for name, table in metadata.tables.items()
    }
    assert set(metadata.tables) <= set(database.tables())


def test_migrations_form_one_line() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(ROOT / "broker/store/migrations"))
    script = ScriptDirectory.from_config(config)

    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


def _statuses() -> Iterator[tuple[str, grpc.StatusCode]]:
    for key, value in refusals.STATUS.items():
        (reason,) = keyed_by_reason([key])
        parts = value if isinstance(value, tuple) else (value,)
        yield reason, next(part for part in parts if isinstance(part, grpc.StatusCode))


def _http(reason: str) -> int:
    table = {name: value for key, value in gateway.refusals.REFUSALS.items() for name in keyed_by_reason([key])}
    value = table[reason]
    return int(value[0]) if isinstance(value, tuple) else int(getattr(value, "status", value))


def _documented(label: str) -> Iterator[tuple[str, str]]:
    """(reason, the word after label) out of the comments of reasons.proto."""
    comment = ""
    for line in (ROOT / "proto/ocpi_broker/v1/reasons.proto").read_text().splitlines():
        text = line.strip()
        if text.startswith("//"):
            comment += f" {text.removeprefix('//').strip()}"
        elif text.startswith("REASON_"):
            name = text.split()[0].removeprefix("REASON_")
            if label in comment:
                yield name, comment.partition(label)[2].split()[0].strip(".,")
            comment = ""
        else:
            comment = ""
