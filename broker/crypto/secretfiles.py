"""Files that only their owner can read."""

import os
import secrets
from pathlib import Path


def write_new(path: Path, text: str) -> None:
    """Write a file whole or not at all, and never over another. Raises FileExistsError."""
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
    _make_durable(path.parent)


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, in the place of the one before."""
    _draft(path, text).replace(path)
    _make_durable(path.parent)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


def _make_durable(folder: Path) -> None:
    """A new name survives a power cut only once its folder is written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
