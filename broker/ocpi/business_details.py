"""Who a party is: decoration, so what is wrong with it is dropped or cut and never fails a handshake (CO-40).

Only the name is required (CO-15). Characters that no display or database takes become blanks (TY-01).
"""

import re

from broker.core.model import MAX_NAME, BusinessDetails, Image
from broker.ocpi.dialect import Json, Malformed
from broker.ocpi.fields import as_object, as_text, as_url, below

_CATEGORIES = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})
_MAX_PIXELS = 99999
_FILE_TYPE = re.compile(r"[!-~]{1,4}")
_NUMBER = re.compile(r"[0-9]{1,5}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def read_business_details(value: object, path: str) -> BusinessDetails:
    body = as_object(value, path)
    name = _CONTROL.sub(" ", as_text(body.get("name"), below(path, "name")))
    return BusinessDetails(name[:MAX_NAME], _url_if_valid(body.get("website")), _image_if_valid(body.get("logo")))


def write_business_details(details: BusinessDetails) -> Json:
    body: Json = {"name": details.name}
    if details.website is not None:
        body["website"] = details.website
    if details.logo is not None:
        body["logo"] = _write_image(details.logo)
    return body


def _url_if_valid(value: object) -> str | None:
    try:
        return as_url(value, "")
    except Malformed:
        return None


def _image_if_valid(value: object) -> Image | None:
    if not isinstance(value, dict):
        return None
    url, category, file_type = _url_if_valid(value.get("url")), value.get("category"), value.get("type")
    if url is None or not isinstance(category, str) or category not in _CATEGORIES:
        return None
    if not isinstance(file_type, str) or not _FILE_TYPE.fullmatch(file_type):
        return None
    thumbnail = _url_if_valid(value.get("thumbnail"))
    return Image(
        url, category, file_type, thumbnail, _pixels_if_valid(value.get("width")), _pixels_if_valid(value.get("height"))
    )


def _pixels_if_valid(value: object) -> int | None:
    """int(5) (TY-12); numbers as strings are tolerated (F23)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= _MAX_PIXELS else None


def _write_image(image: Image) -> Json:
    body: Json = {"url": image.url, "category": image.category, "type": image.type}
    optional = {"thumbnail": image.thumbnail, "width": image.width, "height": image.height}
    return body | {name: value for name, value in optional.items() if value is not None}
