"""What every conversion needs: collecting violations, times, page sizes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from broker.errors import InvalidArgumentError

T = TypeVar("T")
M = TypeVar("M")

MAX_SECONDS: Final = 366 * 24 * 3600


class Violations:
    """Collects what is wrong with each field, so that a caller learns everything at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, field: str, what: str) -> None:
        self._found.append((field, what))

    @contextmanager
    def of(self, field: str) -> Iterator[None]:
        """A ValueError inside becomes a violation of the field."""
        try:
            yield
        except InvalidArgumentError as err:
            self._found += [(f"{field}.{inner}" if inner else field, what) for inner, what in err.violations]
        except ValueError as err:
            self.add(field, str(err))

    def check(self) -> None:
        """Raises InvalidArgumentError if there are any."""
        if self._found:
            raise InvalidArgumentError(self._found)


def invalid(field: str, what: str) -> InvalidArgumentError:
    return InvalidArgumentError([(field, what)])


def timestamp(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def etag(revision: int) -> str:
    return f'"{revision}"'


def page_size(value: int) -> int:
    """0 means 50; more than 1000 is 1000."""
    if value < 0:
        raise invalid("page_size", "must not be negative")
    return min(value or 50, 1000)


def masked(mask: Sequence[str], fields: Sequence[str]) -> Sequence[str]:
    """The fields to replace; all of them without a mask, or with "*" in it."""
    unknown = [path for path in mask if path not in (*fields, "*")]
    if unknown:
        raise invalid("update_mask", f"{unknown[0]} is not one of {', '.join(fields)}")
    return fields if not mask or "*" in mask else list(mask)


def duration(microseconds: int) -> Duration:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Duration(seconds=seconds, nanos=rest * 1000)


def each(messages: Iterable[M], field: str, read: Callable[[M], T], found: Violations) -> tuple[T, ...]:
    values = []
    for index, message in enumerate(messages):
        with found.of(f"{field}[{index}]"):
            values.append(read(message))
    return tuple(values)


def enum_name(enum: object, value: int, prefix: str) -> str:
    """The name of an enum value without its prefix. Raises ValueError for a number that has none."""
    name: str = enum.Name(value)  # type: ignore[attr-defined]  # protobuf's enum wrappers share no public type
    return name.removeprefix(prefix)


def seconds_from_pb(duration: Duration, *, shortest: int = 1) -> int:
    if duration.nanos or not shortest <= duration.seconds <= MAX_SECONDS:
        raise ValueError(f"must be whole seconds, from {shortest} to {MAX_SECONDS} (366 days)")
    return duration.seconds
