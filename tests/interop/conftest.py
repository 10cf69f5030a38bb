"""What every test with software that was not written here needs."""

from pathlib import Path

import pytest

from tests.interop import environment


@pytest.fixture(scope="session")
def interpreter() -> Path:
    """Python with that software."""
    return environment.interpreter()
