"""The composition root: makes the objects of a broker, and says in which order they start and stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from prometheus_client.registry import Collector

from broker.clock import Clock
from broker.config import Settings
from broker.crypto import keys, sealing
from broker.crypto.keys import Keyring
from broker.exchanges.attempt_commits import AttemptCommits
from broker.exchanges.connection_check import ConnectionCheck
from broker.exchanges.dispatcher import Dispatcher
from broker.exchanges.health_watch import HealthWatch
from broker.exchanges.journal import Journal
from broker.exchanges.ourselves import Ourselves
from broker.exchanges.receiver_loop import ReceiverLoop
from broker.exchanges.sender_loop import SenderLoop
from broker.exchanges.unproven_tokens import UnprovenTokens
from broker.limits import ExchangeSlots, FailureLimit
from broker.memory.authenticator import Authenticator
from broker.memory.contacts import Contacts
from broker.memory.disclosures import Disclosures
from broker.memory.highwater import HighWater
from broker.memory.neighbours import Neighbours
from broker.memory.readmodel import ReadModel
from broker.outbound.discovery import HttpPeers
from broker.outbound.http_call import BUDGETS, Budgets
from broker.process.broker_metrics import BrokerMetrics, Counted
from broker.process.grpc_server import GrpcServer, require_safe_address
from broker.process.outside import Check
from broker.process.parts import Part, loop
from broker.process.parts import running as all_running
from broker.rpc.admin_service import AdminServicer
from broker.rpc.guard import Guard
from broker.rpc.inspection import Inspector
from broker.rpc.mutations import Mutations
from broker.rpc.ocpi_service import OcpiServicer
from broker.rpc.page_tokens import Pages
from broker.rpc.peer_moves import Moving
from broker.rpc.peer_service import PeerServicer
from broker.rpc.tenant_service import TenantServicer
from broker.rpc.token_service import TokenServicer
from broker.store import engine
from broker.store.transactions import Store
from ocpi_broker.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ocpi_service_pb2,
    ocpi_service_pb2_grpc,
    peer_service_pb2,
    peer_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
    token_service_pb2,
    token_service_pb2_grpc,
)

_log = structlog.get_logger(__name__)

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (token_service_pb2, "TokenService"),
        (peer_service_pb2, "PeerService"),
        (tenant_service_pb2, "TenantService"),
        (ocpi_service_pb2, "OcpiService"),
        (admin_service_pb2, "AdminService"),
    )
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers. grpc is the HOST:PORT it is bound to. not_ready says why it does not serve; empty if it
    does. metrics is what is counted of it.
    """

    grpc: str
    not_ready: Check
    metrics: Collector


@asynccontextmanager
async def running(settings: Settings, *, budgets: Budgets = BUDGETS) -> AsyncIterator[Broker]:
    """Run a broker on prepared data until the context is left; then drain and stop. budgets are for calls to peers.

    Raises NotReadyError, KeyFileError or StoreUnavailableError if it cannot start.
    """
    require_safe_address(settings)
    made = _made(settings, budgets)
    async with all_running(parts(made)):
        _log.info("broker_started", grpc=made.server.bound, database=made.store.dialect)
        yield Broker(made.server.bound, partial(_not_ready, made), BrokerMetrics(made.counted))
    _log.info("broker_stopped")


@dataclass(frozen=True, slots=True)
class Made:
    """The objects that a broker consists of and that have to be started, stopped, or handed to several others."""

    settings: Settings
    clock: Clock
    keyring: Keyring
    ourselves: Ourselves
    store: Store
    http: HttpPeers
    model: ReadModel
    high_water: HighWater
    disclosures: Disclosures
    contacts: Contacts
    receiver_loop: ReceiverLoop
    dispatcher: Dispatcher
    health_watch: HealthWatch
    unproven_tokens: UnprovenTokens
    server: GrpcServer
    journal: Journal
    counted: Counted
    neighbours: Neighbours


def parts(made: Made) -> tuple[Part, ...]:
    """In the order of their start. They stop in the opposite one, so that each finds what it still needs.

    While requests of ours are open, peers call us back: the dispatcher ends before the server. What the last calls have
    disclosed is written before the store closes.
    """
    store, model, server = made.store, made.model, made.server
    return (
        Part("store", stop=store.aclose),
        Part("calls to peers", stop=made.http.aclose),
        Part("memory", start=lambda: _filled(store, model)),
        Part("restored database", start=lambda: asyncio.to_thread(made.high_water.compare)),
        loop("high water", made.high_water.follow, made.high_water.finish),
        loop("disclosures", made.disclosures.follow, made.disclosures.finish),
        loop("contacts", made.contacts.follow, made.contacts.finish),
        loop("change log", model.follow),
        Part("exchanges of peers", start=lambda: _recovered(made), stop=made.receiver_loop.drain),
        Part("gRPC", start=server.start, stop=server.stop),
        loop("tokens not proven", made.unproven_tokens.follow, made.unproven_tokens.finish),
        loop("jobs", made.dispatcher.follow, made.dispatcher.finish),
        loop("probes", made.health_watch.follow, made.health_watch.finish),
        loop("neighbours", made.neighbours.follow, made.neighbours.finish),
        loop("freshness", lambda: server.report(model)),
        Part("readiness", start=server.serving, stop=server.leaving),
    )


async def _not_ready(made: Made) -> str:
    return made.server.not_serving(made.model)


async def _filled(store: Store, model: ReadModel) -> None:
    await model.start()
    store.on_change(model.refresh)


async def _recovered(made: Made) -> None:
    """Of a database that no other broker works on."""
    if made.store.dialect == "sqlite":
        await made.receiver_loop.recover()


def _made(settings: Settings, budgets: Budgets) -> Made:
    clock, keyring, ourselves = Clock(), keys.read(settings.key_file), Ourselves(settings.public_url)
    store = Store(engine.connect(settings.database_url), clock)
    http = HttpPeers(settings.urls, budgets=budgets)
    model = ReadModel(store, keyring, clock)
    journal = Journal(model, by_tenant=settings.metrics_tenants)
    store.on_told(journal.ended)
    guard, slots = Guard(model, keyring.peppers), ExchangeSlots()
    failures = FailureLimit(asyncio.get_running_loop().time)
    contacts = Contacts(store, clock)
    authenticator = Authenticator(model, store, clock, met=contacts.note)
    server = GrpcServer(settings, guard, SERVICES)
    commits = AttemptCommits(store, model, keyring.pepper, clock)
    sender_loop = SenderLoop(commits, model, http, settings.urls, clock, ourselves)
    made = Made(
        settings=settings,
        clock=clock,
        keyring=keyring,
        ourselves=ourselves,
        store=store,
        http=http,
        model=model,
        high_water=HighWater(settings.high_water_file, model),
        disclosures=Disclosures(store),
        contacts=contacts,
        receiver_loop=ReceiverLoop(store, model, http, settings.urls, keyring.pepper, clock, ourselves, slots=slots),
        dispatcher=Dispatcher(store, model, sender_loop, clock),
        health_watch=HealthWatch(store, model, http, clock, journal),
        unproven_tokens=UnprovenTokens(store, model, http, clock),
        server=server,
        journal=journal,
        counted=Counted(settings, store, model, clock, guard, authenticator, failures, slots, journal),
        neighbours=Neighbours(store, settings.public_url, lambda: server.bound),
    )
    _add_services(made)
    return made


def _add_services(made: Made) -> None:
    server, store, model, clock, ourselves = made.server.server, made.store, made.model, made.clock, made.ourselves
    settings, pepper, master = made.settings, made.keyring.pepper, made.keyring.encryption_key
    authenticator, failures = made.counted.authenticator, made.counted.failures
    mutations, pages = Mutations(store, sealing.own_key(master)), Pages(sealing.own_key(master))
    moving = Moving(pages, made.keyring.peppers, ConnectionCheck(made.http))
    inspector = Inspector(settings, store, model, made.neighbours)
    token_service_pb2_grpc.add_TokenServiceServicer_to_server(
        TokenServicer(model, authenticator, made.disclosures, made.unproven_tokens.asked_for), server
    )
    peer_service_pb2_grpc.add_PeerServiceServicer_to_server(
        PeerServicer(store, model, mutations, settings.urls, clock, pepper, ourselves, made.dispatcher, moving),
        server,
    )
    tenant_service_pb2_grpc.add_TenantServiceServicer_to_server(
        TenantServicer(store, mutations, pages, master, public_url=settings.public_url), server
    )
    ocpi_service_pb2_grpc.add_OcpiServiceServicer_to_server(
        OcpiServicer(model, authenticator, made.receiver_loop, ourselves, failures, clock), server
    )
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(
        AdminServicer(store, mutations, pages, pepper, inspector.look), server
    )
