"""Messages as the specification wants them, per version. Written for this project."""

import json
from pathlib import Path

_HERE = Path(__file__).parent


def example(version: str, name: str) -> object:
    return json.loads((_HERE / version / f"{name}.json").read_text("utf-8"))


def data(version: str, name: str) -> object:
    """What stands in the envelope of an example."""
    envelope = example(version, name)
    assert isinstance(envelope, dict)
    return envelope["data"]
