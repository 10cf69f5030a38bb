"""Where a peer leaves the specification and is served all the same: settings of one peer, each with a name and a value.

Nothing here is guessed from a peer's behaviour. When an exchange fails for a reason that a quirk would have helped
with, its record names the quirk (Exchange.quirk), and an operator sets it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from broker.core.model import MAX_TOKEN, HeaderForm

USUAL_TOKEN = 64
"""Characters (CO-02)."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """None is not set: then the tenant's policy decides, or the specification."""

    auth_form_in: HeaderForm | None = None
    """The only form in which the peer may show its token; otherwise both are taken (A1)."""
    auth_form_out: HeaderForm | None = None
    """The form in which we show ours, without trying the other one; otherwise as the peer shows its own (A1)."""
    token_max_len: int | None = None
    """Longest token taken from the peer, in characters; 64 otherwise (CO-41)."""
    token_is_invitation: bool | None = None
    """The peer gives its invitation back as the token that we are to use (CO-41)."""
    explicit_nulls: bool | None = None
    """We write optional fields that have no value as null (EN-10)."""
    trailing_slash: bool | None = None
    """The URLs of ours that the peer is given end with a slash (A30)."""
    missing_ids: bool | None = None
    """Requests without X-Request-ID or X-Correlation-ID are nothing to note (ID-07)."""
    echoes_our_roles: bool | None = None
    """The peer announces our parties as its own; the invitation's are taken instead (A17)."""
    accept_version_mismatch: bool | None = None
    """The peer's version details may name another version than its list (VD-12)."""
    url_is_version_details: bool | None = None
    """The peer's url may lead to its version details instead of its version list (A24). On, unless strict."""
    details_wrapped_in_array: bool | None = None
    """The peer's version details may stand in an array (A25). On, unless strict."""
    versions_wrapped_in_object: bool | None = None
    """The peer's version list may be {"versions": […]}, or a single entry (A25). On, unless strict."""
    later: tuple[tuple[str, str], ...] = ()
    """Quirks of a later release, which another broker has set: kept as they are, and of no effect here."""

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> "Quirks":
        """From names and values as text. Raises ValueError for a name that is none, or a value that it cannot have."""
        unknown = sorted(set(settings) - set(_READERS))
        if unknown:
            raise ValueError(f"{unknown[0]} is no quirk; there are {', '.join(_READERS)}")
        return cls(**{name: _read(name, text) for name, text in settings.items()})

    @classmethod
    def stored(cls, settings: Mapping[str, str]) -> "Quirks":
        """The same from the database, which a later release may have written."""
        known = {name: text for name, text in settings.items() if name in _READERS}
        return replace(cls.read(known), later=tuple(sorted(settings.items() - known.items())))

    def write(self) -> dict[str, str]:
        """Names and values as text, of those that are set."""
        values = ((name, getattr(self, name)) for name in _READERS)
        return {name: _written(value) for name, value in values if value is not None} | dict(self.later)

    @property
    def longest_token(self) -> int:
        return self.token_max_len or USUAL_TOKEN

    def tolerates(self, name: str, *, strict: bool) -> bool:
        """Whether a shape is taken that the specification does not have."""
        chosen: bool | None = getattr(self, name)
        return name in _USUALLY_ON and not strict if chosen is None else chosen


NO_QUIRKS: Final = Quirks()

_LENGTH = re.compile(r"[0-9]{1,3}")
_USUALLY_ON = frozenset({"url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"})


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _form(text: str) -> HeaderForm:
    try:
        return HeaderForm(text)
    except ValueError:
        raise ValueError("must be raw or base64") from None


def _length(text: str) -> int:
    if not _LENGTH.fullmatch(text) or not USUAL_TOKEN < int(text) <= MAX_TOKEN:
        raise ValueError(f"must be a number from {USUAL_TOKEN + 1} to {MAX_TOKEN}")
    return int(text)


_OTHER_READERS: dict[str, Callable[[str], object]] = {
    "auth_form_in": _form,
    "auth_form_out": _form,
    "token_max_len": _length,
}
_READERS = {item.name: _OTHER_READERS.get(item.name, _flag) for item in fields(Quirks) if item.name != "later"}


def _read(name: str, text: str) -> Any:
    try:
        return _READERS[name](text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _written(value: object) -> str:
    if isinstance(value, HeaderForm):
        return value.value
    return str(value).lower()
