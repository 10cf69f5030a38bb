"""The faults that a mock peer can be told, by name: a closed catalogue, and the text in which one is armed.

The text is name[:argument][@WHERE][*N]. What is not in the catalogue, or makes no sense there, is a ValueError that
says what does.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

MAX_SECONDS = 3600
MAX_MEGABYTES = 1024

_TEXT = re.compile(
    r"(?P<name>[a-z0-9-]+)(?::(?P<argument>[^@*\s]+))?(?:@(?P<where>[A-Za-z]+))?(?:\*(?P<times>[1-9][0-9]{0,5}))?"
)
_STATUS = re.compile(r"[2-5][0-9]{2}")
_CODE = re.compile(r"[2-9][0-9]{3}")
_MODULE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_URL = re.compile(r"https?://[!-~]{1,240}")


class Place(Enum):
    """Where in the work of a mock peer a fault strikes."""

    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    VERSIONS = "versions"
    DETAILS = "details"
    CALLBACK = "callback"
    """The version list and the details while an exchange is open that the mock peer itself started."""


class Side(Enum):
    """What the mock peer is in the exchange in which a fault strikes."""

    RECEIVER = "Receiver"
    SENDER = "Sender"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Argument:
    """What may stand after the colon. unless is what counts if nothing stands there; without it something must."""

    name: str
    rule: str
    fits: Callable[[str], bool]
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the catalogue. usual is where it strikes unless WHERE is said, possible where it may be sent."""

    name: str
    meaning: str
    usual: frozenset[Place]
    possible: frozenset[Place]
    side: Side = Side.RECEIVER
    argument: Argument | None = None

    @property
    def form(self) -> str:
        """The name and its argument as they are typed; an argument that can be left out is in brackets."""
        if self.argument is None:
            return self.name
        told = f":{self.argument.name}"
        return self.name + (told if self.argument.unless is None else f"[{told}]")

    @property
    def where(self) -> str:
        """The usual places in words."""
        if self.usual == _ALL:
            return "everywhere"
        return ", ".join(place.value for place in Place if place in self.usual)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to be armed. times is how often it strikes, None for every time."""

    kind: Kind
    argument: str
    places: frozenset[Place]
    times: int | None = None

    @property
    def name(self) -> str:
        return self.kind.name

    def __str__(self) -> str:
        argument = f":{self.argument}" if self.argument else ""
        where = f"@{next(iter(self.places)).value}" if self.places != self.kind.usual else ""
        return f"{self.name}{argument}{where}{f'*{self.times}' if self.times else ''}"


def parse(text: str) -> Fault:
    """Raises ValueError, whose sentence says what is possible."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no fault: write name[:argument][@WHERE][*N], for example drop-answer@POST*1")
    kind = CATALOGUE.get(match["name"])
    if kind is None:
        raise ValueError(f"there is no fault {match['name']!r}; there are {', '.join(CATALOGUE)}")
    times = int(match["times"]) if match["times"] else None
    return Fault(kind, _argument(kind, match["argument"]), _places(kind, match["where"]), times)


def _argument(kind: Kind, text: str | None) -> str:
    wanted = kind.argument
    if wanted is None:
        if text is not None:
            raise ValueError(f"{kind.name} takes no argument")
        return ""
    told = wanted.unless if text is None else text
    if told is None:
        raise ValueError(f"{kind.name} needs an argument: write {kind.form}; {wanted.name} {wanted.rule}")
    if told and not wanted.fits(told):
        raise ValueError(f"{kind.form}: {wanted.name} {wanted.rule}")
    return told


def _places(kind: Kind, where: str | None) -> frozenset[Place]:
    if where is None:
        return kind.usual
    possible = {place.value.lower(): place for place in Place if place in kind.possible}
    place = possible.get(where.lower())
    if place is None:
        raise ValueError(
            f"{kind.name} cannot strike at {where!r}; it can at {', '.join(known.value for known in possible.values())}"
        )
    return frozenset({place})


class Faults:
    """Those that are armed. told hears of each that strikes, and where."""

    def __init__(self, told: Callable[[Fault, Place], None]) -> None:
        self._told = told
        self._armed: list[tuple[Fault, list[int]]] = []

    @property
    def armed(self) -> tuple[str, ...]:
        """As text, with how often each will still strike."""
        return tuple(_left(fault, struck[0]) for fault, struck in self._armed)

    def add(self, fault: Fault | str) -> Fault:
        """Arms one beside those that are there. Raises ValueError."""
        armed = parse(fault) if isinstance(fault, str) else fault
        self._armed.append((armed, [0]))
        return armed

    def remove(self, name: str | None = None) -> None:
        """Disarms those of a name, or all. Raises ValueError if there is no such fault in the catalogue."""
        if name is not None and name not in CATALOGUE:
            raise ValueError(f"there is no fault {name!r}; there are {', '.join(CATALOGUE)}")
        self._armed = [entry for entry in self._armed if name not in (None, entry[0].name)]

    def strike(self, name: str, places: Collection[Place]) -> Fault | None:
        """The fault if it is armed for one of these places; that uses it up once."""
        for entry in self._armed:
            fault, struck = entry
            hit = next((place for place in places if place in fault.places), None)
            if fault.name != name or hit is None:
                continue
            struck[0] += 1
            if fault.times is not None and struck[0] >= fault.times:
                self._armed.remove(entry)
            self._told(fault, hit)
            return fault
        return None


def _left(fault: Fault, struck: int) -> str:
    text = str(fault)
    return text if fault.times is None else f"{text.rpartition('*')[0]}*{fault.times - struck}"


def _is_number(text: str, most: int) -> bool:
    try:
        return 0 < float(text) <= most
    except ValueError:
        return False


_SECONDS = Argument("SECONDS", f"is a number up to {MAX_SECONDS}", lambda text: _is_number(text, MAX_SECONDS))
_MEGABYTES = Argument(
    "MEGABYTES",
    f"is a whole number up to {MAX_MEGABYTES}",
    lambda text: text.isdecimal() and _is_number(text, MAX_MEGABYTES),
    "100",
)
_ENVELOPE_DATA = ("missing", "array", "null", "string")

_EXCHANGES = frozenset({Place.POST, Place.PUT, Place.DELETE})
_TOKENS = frozenset({Place.POST, Place.PUT})
_READS = frozenset({Place.VERSIONS, Place.DETAILS, Place.CALLBACK})
_LISTS = frozenset({Place.VERSIONS})
_DETAILS = frozenset({Place.DETAILS})
_POST = frozenset({Place.POST})
_PUT = frozenset({Place.PUT})
_ALL = frozenset(Place)


def _spoils(name: str, meaning: str, argument: Argument | None = None) -> Kind:
    """One that spoils a good answer: usually of an exchange, possibly of anything."""
    return Kind(name, meaning, _EXCHANGES, _ALL, Side.EITHER, argument)


def _answers(name: str, meaning: str, argument: Argument | None = None) -> Kind:
    """One in the credentials object of an answer."""
    return Kind(name, meaning, _TOKENS, _TOKENS, Side.RECEIVER, argument)


_KINDS = (
    # The answer is lost, late or unreadable.
    _spoils("drop-answer", "does and commits everything, then closes the connection without a byte"),
    _spoils("drop-after-headers", "sends status and headers, then closes the connection"),
    _spoils("truncate", "sends half of the body, then closes the connection"),
    _spoils("stall", "sends status and headers, then nothing, and keeps the connection open"),
    _spoils("slow", "answers that many seconds late", _SECONDS),
    _spoils("trickle", "sends the body in small pieces that take so many seconds in all", _SECONDS),
    _spoils("504-after-commit", "does and commits everything, then answers HTTP 504 as a proxy would"),
    _spoils("500-after-commit", "does and commits everything, then answers HTTP 500 without an envelope"),
    _spoils("html", "answers HTTP 200 with an HTML page"),
    _spoils("no-content", "answers HTTP 204 without a body"),
    _spoils("empty", "answers HTTP 200 with an empty body"),
    _spoils("huge", "answers with a body of that size, or of 100", _MEGABYTES),
    _spoils("gzip-bomb", "answers with a small gzip body that unpacks to so much, or 100", _MEGABYTES),
    _spoils("content-type", "says text/plain although it is JSON; to be tolerated"),
    _spoils("status-string", 'writes status_code as "1000", a string; to be tolerated'),
    _spoils("no-timestamp", "leaves the timestamp out; to be tolerated"),
    _spoils("extra-fields", "adds fields that OCPI does not know; to be tolerated"),
    _spoils(
        "wrong-envelope",
        "answers 1000 with data missing, or an array, null or string as told",
        Argument("DATA", f"is one of {', '.join(_ENVELOPE_DATA)}", _ENVELOPE_DATA.__contains__, "missing"),
    ),
    # Refused: nothing is done.
    _spoils(
        "redirect",
        "answers HTTP 307 to another host, or to the URL that is told; nothing is done",
        Argument("URL", "begins with http:// or https://", lambda text: _URL.fullmatch(text) is not None, ""),
    ),
    _spoils(
        "refuse",
        "answers HTTP 200 with this OCPI status code, 2000 or higher; nothing is done",
        Argument("CODE", "is an OCPI status code from 2000 on", lambda text: _CODE.fullmatch(text) is not None),
    ),
    _spoils(
        "http",
        "answers this HTTP status without an envelope; nothing is done",
        Argument("STATUS", "is an HTTP status from 200 to 599", lambda text: _STATUS.fullmatch(text) is not None),
    ),
    Kind("reject-token", "answers 401 although the token is good", _ALL, _ALL),
    Kind("forget", "forgets the registration and its tokens at the next request, which gets 401", _ALL, _ALL),
    Kind("raw-only", "knows a token in the header only as it is, not in Base64", _ALL, _ALL),
    Kind("base64-only", "knows a token in the header only in Base64", _ALL, _ALL),
    # What the credentials object of the answer says.
    _answers("no-token", "answers with credentials without a token"),
    _answers("same-token", "answers with the token that it was sent, and goes by it"),
    _answers("long-token", "answers with a token of 70 characters, and goes by it"),
    _answers("space-token", "answers with a token that has a space in it"),
    _answers("echo-roles", "answers with the other side's own parties"),
    Kind("lowercase-ids", "writes its country code and party id in lower case", _TOKENS, _TOKENS, Side.EITHER),
    Kind("no-parties", "leaves its parties out of the credentials object", _TOKENS, _TOKENS, Side.EITHER),
    Kind(
        "url-is-details",
        "gives the URL of its version details where that of the list belongs",
        _TOKENS,
        _TOKENS,
        Side.EITHER,
    ),
    # The calls that it makes inside a POST or PUT.
    _answers("no-callback", "commits without reading the other side's version list and details"),
    _answers("callback-old-token", "calls back with the token that it held before a PUT, or with token A in a POST"),
    _answers("callback-twice", "reads the version list and the details twice"),
    Kind("put-inside-put", "sends a PUT of its own before it answers the PUT", _PUT, _PUT),
    Kind("post-inside-post", "registers with the token A that it was given before it answers the POST", _POST, _POST),
    Kind("delete-inside-put", "unregisters before it answers the PUT", _PUT, _PUT),
    # Version list and details.
    Kind("missing-version", "lists every version but the one that is registered or being registered", _LISTS, _LISTS,
         Side.EITHER),
    Kind("wrapped-versions", "puts the version list into an object", _LISTS, _LISTS, Side.EITHER),
    Kind("wrong-version-in-details", "says another version in the details than was asked for", _DETAILS, _DETAILS,
         Side.EITHER),
    Kind(
        "missing-module",
        "leaves this module out of the details",
        _DETAILS,
        _DETAILS,
        Side.EITHER,
        Argument("NAME", "is the name of a module", lambda text: _MODULE.fullmatch(text) is not None),
    ),
    Kind("details-in-list", "puts the details into an array", _DETAILS, _DETAILS, Side.EITHER),
    Kind("foreign-endpoint", "lists its endpoints on another host", _DETAILS, _DETAILS, Side.EITHER),
    # As Sender.
    Kind("hang-up", "sends the request and closes the connection at once", _EXCHANGES, _EXCHANGES, Side.SENDER),
    Kind(
        "hang-up-late",
        "sends the request and closes the connection when the other side has read its details",
        _TOKENS,
        _TOKENS,
        Side.SENDER,
    ),
    Kind("twice", "sends the same request two times at once", _TOKENS, _EXCHANGES, Side.SENDER),
    Kind(
        "callback-401",
        "answers 401 when the other side calls back",
        frozenset({Place.CALLBACK}),
        _READS,
        Side.SENDER,
    ),
    Kind("put-unchanged-token", "sends the token that is in use already", _PUT, _PUT, Side.SENDER),
)  # fmt: skip

CATALOGUE: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every fault there is, by its name."""
