"""Platforms by the thousand behind one transport, each with its own habits. They share no code with the product."""

import base64
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import httpx

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR

Call = Callable[[str], Awaitable[bool]]
"""Shows a token to us; whether we take it."""


class Habit(Enum):
    HEALTHY = auto()
    DOWN = auto()
    """Cannot be reached for hours, now and then."""
    REFUSING = auto()
    """Answers with an error to every PUT for a day, whenever its tokens are to be renewed."""
    DEAF = auto()
    """Does nothing about the first PUT of a renewal, and gives no answer."""
    FORGIVING = auto()
    """Loses the answer to the first PUT of a renewal; the old token works until the new one is used."""
    STRICT = auto()
    """The same once, and the old token is dead."""
    SILENT = auto()
    """Does not call us, neither in an exchange nor later."""
    CLINGING = auto()
    """Reads our lists with the new token while a PUT is open, and then goes on with the one that it has always used."""
    IGNORANT = auto()
    """The same without reading our lists."""


SHARES = {
    Habit.DOWN: 0.10,
    Habit.REFUSING: 0.04,
    Habit.DEAF: 0.03,
    Habit.FORGIVING: 0.04,
    Habit.STRICT: 0.02,
    Habit.SILENT: 0.04,
    Habit.CLINGING: 0.03,
    Habit.IGNORANT: 0.03,
}
LOSING = {Habit.FORGIVING, Habit.STRICT}
KEEPING = {Habit.CLINGING, Habit.IGNORANT}


@dataclass(slots=True)
class Platform:
    """taken is the token that it expects of us, shown the one that it has of us; since is when both were made."""

    uid: str
    base: str
    party: str
    habit: Habit
    taken: str
    shown: str
    since: int
    before: str | None = None
    """The token before, as long as it works."""
    down: tuple[tuple[int, int], ...] = ()
    renewals: list[int] = field(default_factory=list)
    told: bool = False
    """Whether it has used its newest token."""
    _upset_at: int | None = None
    _made: int = 0

    def is_down(self, now: int) -> bool:
        return any(begin <= now < end for begin, end in self.down)

    async def answer(self, request: httpx.Request, now: int, call: Call) -> httpx.Response:
        if self.is_down(now):
            raise httpx.ConnectError("down")
        shown = base64.b64decode(request.headers["authorization"].removeprefix("Token ") + "===").decode(
            errors="replace"
        )
        if shown not in {self.taken, self.before}:
            return _response(401, 2000)
        if shown == self.taken:
            self.before = None
        if request.method == "PUT":
            return await self._update(json.loads(await request.aread())["token"], now, call)
        if request.url.path.endswith("/versions"):
            return _response(200, 1000, [{"version": "2.2.1", "url": f"{self.base}/2.2.1"}])
        return _response(200, 1000, {"version": "2.2.1", "endpoints": [*map(self._endpoint, ("credentials", "cdrs"))]})

    async def _update(self, offered: str, now: int, call: Call) -> httpx.Response:
        first = self._upset_at is None
        if first:
            self._upset_at = now
        if self.habit is Habit.REFUSING and now - (self._upset_at or 0) < DAY:
            return _response(200, 3000 if int(self.uid[-1]) % 2 else 2001)
        if self.habit is Habit.DEAF and first:
            raise httpx.ReadTimeout("deaf")
        if self.habit not in {Habit.SILENT, Habit.IGNORANT} and not await call(offered):
            return _response(200, 3001)
        self.before, self.taken = self.taken, self._new_token()
        self.told = False
        if self.habit not in KEEPING:
            self.shown = offered
        if self.habit is Habit.STRICT:
            self.before = None
        if first and (self.habit is Habit.FORGIVING or (self.habit is Habit.STRICT and len(self.renewals) == 1)):
            raise httpx.ReadError("lost")
        self.renewals.append(now)
        self._upset_at = None
        country, party, _ = self.party.split("/")
        roles = [
            {"role": role, "country_code": country, "party_id": party, "business_details": {"name": self.uid}}
            for role in ("CPO", "EMSP")
        ]
        return _response(200, 1000, {"token": self.taken, "url": f"{self.base}/versions", "roles": roles})

    def _endpoint(self, module: str) -> dict[str, str]:
        return {"identifier": module, "role": "SENDER", "url": f"{self.base}/2.2.1/{module}"}

    def _new_token(self) -> str:
        self._made += 1
        return f"{self.uid}-{self._made:06}-{self.habit.name.lower()}"


@dataclass(slots=True)
class Platforms(httpx.AsyncBaseTransport):
    """The transport: a request goes to the platform with the name of its host."""

    clock: Callable[[], int]
    call: Call
    hosts: dict[str, Platform]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        platform = self.hosts[request.extensions["sni_hostname"]]
        return await platform.answer(request, self.clock(), self.call)


def habits(size: int, chance: random.Random) -> list[Habit]:
    """One for each platform, in the shares above."""
    some = [habit for habit, share in SHARES.items() for _ in range(max(1, round(size * share)))]
    every = some + [Habit.HEALTHY] * (size - len(some))
    chance.shuffle(every)
    return every


def outages(habit: Habit, start: int, days: int, chance: random.Random) -> tuple[tuple[int, int], ...]:
    """When a platform is down."""
    if habit is not Habit.DOWN:
        return ()
    begins = (start + chance.randrange(days * 24) * HOUR for _ in range(days // 3))
    return tuple((begin, begin + chance.randint(2, 30) * HOUR) for begin in begins)


def _response(status: int, code: int, data: object = None) -> httpx.Response:
    body = {"status_code": code, "status_message": "said", "timestamp": "2026-01-01T00:00:00Z", "data": data}
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(body).encode()))
