"""Who a party is: decoration, so what is wrong with it is dropped or cut, noted, and never fails a handshake (CO-40).

Only the name is required (CO-15). Characters that no display or database takes become blanks (TY-01).
"""

import re
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize
from urllib.parse import urlsplit

from broker.core.model import MAX_NAME, BusinessDetails, Image, Style
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import Notes, as_object, as_text, as_url, below

CATEGORIES: Final = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})

_MAX_PIXELS = 99_999
_FILE_TYPE = re.compile(r"[!-~]{1,4}")
_CATEGORY = re.compile(r"[!-~]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,5}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,4})$")


@dataclass(frozen=True, slots=True)
class Decoration:
    """What versions differ in: which characters a name has, which categories an image (TY-01, CO-19), and whether a
    logo may be a bare URL, as before the release of 2.0.
    """

    ascii_only: bool = False
    open_categories: bool = False
    logo_as_url: bool = False

    def read(self, value: object, path: str, notes: Notes) -> BusinessDetails:
        body = as_object(value, path)
        name = self._name(as_text(body.get("name"), below(path, "name")), below(path, "name"), notes)
        website = _url_if_valid(body.get("website"), below(path, "website"), notes)
        return BusinessDetails(name, website, self._logo(body.get("logo"), below(path, "logo"), notes))

    def write(self, details: BusinessDetails, style: Style) -> Json:
        logo: object = details.logo and self._write_image(details.logo, style)
        if style.draft and self.logo_as_url and details.logo is not None:
            logo = details.logo.url
        name = _in_ascii(details.name) if self.ascii_only else details.name
        return {"name": name} | optional({"website": details.website, "logo": logo}, style)

    def _name(self, name: str, path: str, notes: Notes) -> str:
        clean = _CONTROL.sub(" ", name)
        if not clean:
            raise Malformed(path, "must not be empty")
        if clean != name:
            notes.add(path, "has control characters, which became blanks")
        if len(clean) > MAX_NAME:
            notes.add(path, f"has more than {MAX_NAME} characters and was cut")
        if self.ascii_only and not clean.isascii():
            notes.add(path, "has characters beyond ASCII, which this version does not know")
        return clean[:MAX_NAME]

    def _logo(self, value: object, path: str, notes: Notes) -> Image | None:
        if value is None:
            return None
        try:
            if self.logo_as_url and isinstance(value, str):
                image = _image_at(as_url(value, path))
                notes.add(path, "is a URL, as before the release of 2.0")
                return image
            return self._image(as_object(value, path), path, notes)
        except Malformed as error:
            notes.add(error.path, f"{error.message}; the logo was dropped")
            return None

    def _image(self, body: Json, path: str, notes: Notes) -> Image:
        file_type = as_text(body.get("type"), below(path, "type"))
        if not _FILE_TYPE.fullmatch(file_type):
            raise Malformed(below(path, "type"), "must be one to four printable characters")
        return Image(
            as_url(body.get("url"), below(path, "url")),
            self._category(as_text(body.get("category"), below(path, "category")), below(path, "category")),
            file_type,
            _url_if_valid(body.get("thumbnail"), below(path, "thumbnail"), notes),
            _pixels_if_valid(body.get("width"), below(path, "width"), notes),
            _pixels_if_valid(body.get("height"), below(path, "height"), notes),
        )

    def _category(self, category: str, path: str) -> str:
        if category in CATEGORIES or (self.open_categories and _CATEGORY.fullmatch(category)):
            return category
        raise Malformed(path, f"must be one of {', '.join(sorted(CATEGORIES))}")

    def _write_image(self, image: Image, style: Style) -> Json:
        category = image.category if self.open_categories or image.category in CATEGORIES else "OTHER"
        rest = {"thumbnail": image.thumbnail, "width": image.width, "height": image.height}
        return {"url": image.url, "category": category, "type": image.type} | optional(rest, style)


def flaws(details: BusinessDetails) -> tuple[str, ...]:
    """What is wrong with our own, by the rules that are held against those of peers."""
    notes = Notes()
    try:
        _NEWEST.read(_NEWEST.write(details, Style()), "business_details", notes)
    except Malformed as error:
        return (str(error),)
    return notes.taken()


def optional(fields: Json, style: Style) -> Json:
    """Fields that need no value: left out without one, or null for peers that want to see every field (EN-10)."""
    return {name: value for name, value in fields.items() if value is not None or style.explicit_nulls}


def _url_if_valid(value: object, path: str, notes: Notes) -> str | None:
    if value is None:
        return None
    try:
        return as_url(value, path)
    except Malformed as error:
        notes.add(path, f"{error.message}; it was dropped")
        return None


def _pixels_if_valid(value: object, path: str, notes: Notes) -> int | None:
    """int(5) (TY-12); numbers as strings are tolerated (F23)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        notes.add(path, "is a number in a string")
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_PIXELS):
        return value or None
    notes.add(path, "must be a whole number of at most five digits; it was dropped")
    return None


def _image_at(url: str) -> Image:
    """A logo of which only the URL is known: its type is the file's extension."""
    extension = _EXTENSION.search(urlsplit(url).path)
    return Image(url, "OPERATOR", extension[1].lower() if extension else "img")


def _in_ascii(name: str) -> str:
    """Names of 2.0 and 2.1.1 are ASCII (TY-01): letters lose their accents, what is no letter there becomes "?"."""
    if name.isascii():
        return name
    plain = "".join(char for char in normalize("NFKD", name) if not _is_accent(char))
    return plain.encode("ascii", "replace").decode()[:MAX_NAME] or "?"


def _is_accent(char: str) -> bool:
    return "\u0300" <= char <= "\u036f"


_NEWEST: Final = Decoration(open_categories=True)
