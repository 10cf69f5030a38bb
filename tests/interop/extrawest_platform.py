"""A platform made of extrawest-ocpi, run in the libraries' own environment by test_receivers.py.

The library answers on the loopback address in its setting OCPI_HOST, in the versions that the arguments name. Storage
and tokens are its users' part: they are here, in memory. Each line {"say": "state"} on stdin is answered with a line,
{"invitations", "registrations"}.
"""

import json
import logging
import socket
import sys
import threading
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from py_ocpi import get_application
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.config import settings
from py_ocpi.core.crud import Crud
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.modules.versions.enums import VersionNumber

VERSIONS_URL = f"{settings.PROTOCOL}://{settings.OCPI_HOST}/{settings.OCPI_PREFIX}/versions"
PARTY = {"country_code": "DE", "party_id": "KWL", "business_details": {"name": "Kabelwerk"}}


def new_token() -> str:
    """Before 2.2 tokens are not encoded, yet the library decodes the one in front of its version list. It takes it as
    it is only if what comes out is no text, as with a UUID.
    """
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Registration:
    """One client: the token that it shows here, and what it announced."""

    accepts: str
    token: str
    url: str
    endpoints: list[dict[str, Any]]


@dataclass
class Book:
    """Who may register, and who did."""

    invitations: set[str] = field(default_factory=set)
    registrations: dict[str, Registration] = field(default_factory=dict)

    def register(self, shown: str, data: dict[str, Any]) -> str:
        """The new token of the client that showed another until now."""
        self.forget(shown)
        issued = new_token()
        announced = data["credentials"]
        endpoints = data["endpoints"]["endpoints"]
        self.registrations[issued] = Registration(issued, announced["token"], announced["url"], endpoints)
        return issued

    def forget(self, shown: str) -> None:
        self.invitations.discard(shown)
        self.registrations.pop(shown, None)

    def state(self) -> dict[str, Any]:
        return {
            "invitations": sorted(self.invitations),
            "registrations": [asdict(known) for known in self.registrations.values()],
        }


BOOK = Book()


def credentials(token: str, version: VersionNumber) -> dict[str, Any]:
    party = PARTY if version == VersionNumber.v_2_1_1 else {"roles": [{"role": "CPO", **PARTY}]}
    return {"token": token, "url": VERSIONS_URL, **party}


class Tokens(Authenticator):  # type: ignore[misc]  # the library has no types
    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return list(BOOK.invitations)

    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return list(BOOK.registrations)


class Storage(Crud):  # type: ignore[misc]
    """What the library asks of its users, for its module credentials alone. POST and PUT come here after its calls to
    the client.
    """

    @classmethod
    async def get(cls, module: ModuleID, role: RoleEnum, id: str, *_: Any, **more: Any) -> Any:  # noqa: A002
        return credentials(id, more["version"]) if id in BOOK.registrations else None

    @classmethod
    async def create(cls, module: ModuleID, role: RoleEnum, data: dict[str, Any], *_: Any, **more: Any) -> Any:
        return credentials(BOOK.register(more["auth_token"], data), more["version"])

    @classmethod
    async def update(
        cls,
        module: ModuleID,
        role: RoleEnum,
        data: dict[str, Any],
        id: object,  # noqa: A002
        *_: Any,
        **more: Any,
    ) -> Any:
        return credentials(BOOK.register(more["auth_token"], data), more["version"])

    @classmethod
    async def delete(cls, module: ModuleID, role: RoleEnum, id: str, *_: Any, **more: Any) -> None:  # noqa: A002
        BOOK.forget(id)

    @classmethod
    async def list(cls, *_: Any, **more: Any) -> Any:
        raise NotImplementedError

    @classmethod
    async def do(cls, *_: Any, **more: Any) -> Any:
        raise NotImplementedError


def main(versions: list[str]) -> None:
    logging.disable()
    host, _, port = settings.OCPI_HOST.rpartition(":")
    app = get_application(
        version_numbers=[VersionNumber(version) for version in versions],
        roles=[RoleEnum.cpo],
        crud=Storage,
        modules=[ModuleID.credentials_and_registration, ModuleID.locations],
        authenticator=Tokens,
    )
    listening = socket.create_server((host, int(port)))  # from here on calls wait, and are not refused
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    invitation = new_token()
    BOOK.invitations.add(invitation)
    print(json.dumps({"versions_url": VERSIONS_URL, "token": invitation}), flush=True)
    for line in sys.stdin:
        said = BOOK.state() if json.loads(line) == {"say": "state"} else {"error": "what?"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
