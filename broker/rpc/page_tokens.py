"""Page tokens: the place where the next page begins, sealed, and good for the same list only."""

import base64
import binascii
import json
from typing import Any

from broker.contract.values import invalid
from broker.core.model import Sealed
from broker.crypto.sealing import DataKey
from broker.errors import TamperedError

_PURPOSE = "page"


class Pages:
    """Writes and reads page tokens."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def write(self, what: str, place: Any) -> str:
        box = self._key.seal(json.dumps(place).encode(), _PURPOSE, what).box
        return base64.urlsafe_b64encode(box).decode()

    def read(self, what: str, token: str) -> Any:
        """The place; None for the first page. Raises InvalidArgumentError for anything but our own token."""
        if not token:
            return None
        try:
            box = base64.urlsafe_b64decode(token)
            return json.loads(self._key.open(Sealed(self._key.id, box), _PURPOSE, what))
        except (binascii.Error, ValueError, TamperedError):
            raise invalid("page_token", "is not the next_page_token of this list") from None
