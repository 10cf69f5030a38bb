"""The way from a command to the broker: where it listens, which key to show, and how long to wait.

The key never leaves the machine in the clear: without TLS only a broker on loopback is called.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import grpc

from broker.cli.failures import CommandError, explain, in_words
from broker.process import directions
from broker.process.address import Address
from ocpi_broker.v1.admin_service_pb2_grpc import AdminServiceStub
from ocpi_broker.v1.peer_service_pb2_grpc import PeerServiceStub
from ocpi_broker.v1.tenant_service_pb2_grpc import TenantServiceStub
from ocpi_broker.v1.token_service_pb2_grpc import TokenServiceStub

DATA_DIR = "OCPI_BROKER_DATA_DIR"
TARGET = "OCPI_BROKER_TARGET"
KEY_FILE = "OCPI_BROKER_KEY_FILE"
CA_FILE = "OCPI_BROKER_CA_FILE"

DEADLINE = 15.0
_ABOUT_THE_QUESTION = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Answers after which another question may go well."""
PAGE = 1000
_ANY_SIZE = ("grpc.max_receive_message_length", -1)
"""A page of hubs is larger than what gRPC takes by itself."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Item = TypeVar("Item")


class _Paged(Protocol):
    page_size: int
    page_token: str


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


PagedQuestion = TypeVar("PagedQuestion", bound=_Paged)
PagedAnswer = TypeVar("PagedAnswer", bound=_Page)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker listens and how to be let in. ca is a PEM certificate authority, None the system's. data_dir is
    the broker's own, if it is on this machine.
    """

    target: Address
    key: str = field(repr=False)
    ca: bytes | None = None
    data_dir: Path | None = None

    @property
    def how_to_start(self) -> str:
        """The command that starts a broker here; empty where `up` does not: with TLS, or on another machine."""
        if self.ca is not None or not self.target.loopback:
            return ""
        return f"{_up(self.data_dir)} --grpc {self.target}"


class Broker:
    """Calls of one caller to one broker."""

    def __init__(self, channel: grpc.Channel, place: Place) -> None:
        self._place = place
        self._metadata = (("authorization", f"Bearer {place.key}"),)
        self.tenants = TenantServiceStub(channel)
        self.peers = PeerServiceStub(channel)
        self.tokens = TokenServiceStub(channel)
        self.admin = AdminServiceStub(channel)

    def ask(self, method: "grpc.UnaryUnaryMultiCallable[Question, Answer]", question: Question) -> Answer:
        """The broker's answer. Raises CommandError with the refusal in words."""
        try:
            return method(question, timeout=DEADLINE, metadata=self._metadata)
        except grpc.RpcError as err:
            raise CommandError(self._explained(err)) from None

    def attempt(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Question, Answer]",
        question: Question,
        seconds: float,
        field_of: Callable[[str], str],
    ) -> Answer | str:
        """The answer, or why the broker has refused this very question, its fields named as field_of does.

        Raises CommandError if it would any other.
        """
        try:
            return method(question, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as err:
            said = self._explained(err, field_of)
            if isinstance(err, grpc.Call) and err.code() in _ABOUT_THE_QUESTION:
                return said
            raise CommandError(said) from None

    def _explained(self, error: grpc.RpcError, field_of: Callable[[str], str] = str) -> str:
        return explain(error, str(self._place.target), self._place.how_to_start, field_of)

    def first(
        self,
        method: "grpc.UnaryUnaryMultiCallable[PagedQuestion, PagedAnswer]",
        question: PagedQuestion,
        read: Callable[[PagedAnswer], Iterable[Item]],
        limit: int | None,
    ) -> tuple[list[Item], bool]:
        """The items of a list, at most limit of them, and whether there are more."""
        found: list[Item] = []
        for page in self.pages(method, question, min(limit or PAGE, PAGE)):
            found += read(page)
            if limit is not None and len(found) >= limit:
                return found[:limit], len(found) > limit or bool(page.next_page_token)
        return found, False

    def pages(
        self,
        method: "grpc.UnaryUnaryMultiCallable[PagedQuestion, PagedAnswer]",
        question: PagedQuestion,
        page_size: int = PAGE,
    ) -> Iterator[PagedAnswer]:
        """Every page of a list. Advances the question's page_token."""
        question.page_size = page_size
        while True:
            page = self.ask(method, question)
            yield page
            if not page.next_page_token:
                return
            question.page_token = page.next_page_token


@contextmanager
def connected(data_dir: Path | None) -> Iterator[Broker]:
    """The broker that runs over data_dir, or else the one that the environment names."""
    place = locate(data_dir, os.environ)
    with open_channel(place) as channel:
        yield Broker(channel, place)


def locate(data_dir: Path | None, environ: Mapping[str, str]) -> Place:
    """Raises CommandError when it is not said where the broker is, or when a file that says it cannot be read."""
    ca = _authority(Path(environ[CA_FILE]), f"{CA_FILE} names it") if environ.get(CA_FILE) else None
    if data_dir is not None:
        _require_one(data_dir, environ)
        hint = f"a running broker writes it. To start one: {_up(data_dir)}"
        target = read_value(data_dir / directions.TARGET, hint)
        key = read_value(data_dir / "admin.key", "the first start makes it")
        remembered = data_dir / directions.AUTHORITY
        if ca is None and remembered.exists():
            ca = _authority(remembered, "the broker writes it at its start")
        return Place(_address(target).reachable, key, ca, data_dir)
    if not environ.get(TARGET) or not environ.get(KEY_FILE):
        raise CommandError(
            f"say which broker: --data-dir DIR, or {DATA_DIR}, or {TARGET} and {KEY_FILE} in the environment", 2
        )
    return Place(_address(environ[TARGET]), read_value(Path(environ[KEY_FILE]), f"{KEY_FILE} names it"), ca)


def _up(data_dir: Path | None) -> str:
    return f"ocpi-broker up --data-dir {shlex.quote(str(data_dir)) if data_dir else 'DIR'}"


def _require_one(data_dir: Path, environ: Mapping[str, str]) -> None:
    """The environment may name two brokers. Nobody is to be surprised by which one it was. Raises CommandError."""
    if environ.get(TARGET) and environ.get(DATA_DIR) == str(data_dir):
        raise CommandError(f"{DATA_DIR} and {TARGET} are both set, and may name two brokers: unset one of them", 2)


def _authority(path: Path, hint: str) -> bytes:
    """What to trust. Raises CommandError for a file that holds no certificate."""
    text = read_value(path, hint)
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise CommandError(f"{path} holds no certificate in PEM; {hint}")
    return text.encode()


def open_channel(place: Place) -> grpc.Channel:
    """TLS, except to loopback when no certificate authority is named."""
    options = [("grpc.enable_http_proxy", 0), _ANY_SIZE]
    if place.ca is None and place.target.loopback:
        return grpc.insecure_channel(str(place.target), options)
    return grpc.secure_channel(str(place.target), grpc.ssl_channel_credentials(place.ca), options)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as err:
        raise CommandError(f"{text!r} is no address of a broker: {err}", 2) from None


def read_value(path: Path, hint: str) -> str:
    """A file of one value. Raises CommandError with the hint."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as err:
        what = in_words(err) if isinstance(err, OSError) else "it is not a text file"
        raise CommandError(f"cannot read {path}: {what}; {hint}") from None
