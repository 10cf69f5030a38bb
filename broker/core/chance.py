"""A number for a peer and a moment, as if by chance and the same at every broker: what is due is spread by it."""

import hashlib


def chance(uid: str, moment: int) -> float:
    """Another number from [0, 1) for each peer and each time."""
    digest = hashlib.sha256(f"{uid} {moment}".encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)
