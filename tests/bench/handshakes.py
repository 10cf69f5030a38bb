"""How long a peer waits: a strict platform on loopback that answers at once, and registers again and again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import percentiles
from tests.bench.programs import product, running
from tests.peer import Platform, platform_running
from tests.stack import Home, attached

COUNT = 60
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Waited:
    """Milliseconds for the answer to POST, and for the whole: GET versions, GET details, POST."""

    post: Sequence[float]
    whole: Sequence[float]

    @property
    def rows(self) -> dict[str, tuple[float, float]]:
        return {"POST credentials": percentiles(self.post), "versions, details, POST": percentiles(self.whole)}


async def handshakes(data_dir: Path, database_url: str, log: Path) -> Waited:
    """One after the other, with broker and gateway in one process over a database that is there already."""
    command = product("up", "--data-dir", str(data_dir), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    async with (
        running([*command, "--allow-insecure-peers"], log, OCPI_BROKER_DATABASE_URL=database_url) as server,
        attached(server.where, data_dir) as deployment,
        platform_running() as platform,
    ):
        home = await deployment.home()
        times = [await _handshake(home, platform, number) for number in range(_WARM_UP + COUNT)]
    post, whole = zip(*times[_WARM_UP:], strict=True)
    return Waited(post, whole)


async def _handshake(home: Home, platform: Platform, number: int) -> tuple[float, float]:
    party = f"FR/{number:03}/CPO"
    sender = home.stack.sender(await home.invite(party), platform, party)
    platform.received.clear()
    begun = time.perf_counter()
    await sender.discover()
    discovered = time.perf_counter()
    reply = await sender.post()
    answered = time.perf_counter()
    assert reply.outcome == (200, 1000), reply
    assert platform.faults == [], platform.faults
    return (answered - discovered) * 1000, (answered - begun) * 1000
