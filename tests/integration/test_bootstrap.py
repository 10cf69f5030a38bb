"""What a start finds and makes."""

from pathlib import Path

import pytest

from broker.config import Settings
from broker.process import bootstrap
from broker.process.not_ready import NotReadyError
from tests.database import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["admin", "gateway"])
async def test_a_revoked_key_is_made_anew_once_its_file_is_gone(database: Database, tmp_path: Path, name: str) -> None:
    settings = Settings(tmp_path, "127.0.0.1:0", "https://ocpi.lumenhub.example", database.url)
    await bootstrap.prepare(settings, migrate=True)
    file = tmp_path / f"{name}.key"
    before = file.read_text()
    database.execute(f"UPDATE caller SET revoked_at = 1 WHERE id = '{name}'")

    with pytest.raises(NotReadyError, match=r"was revoked; remove the file"):
        await bootstrap.prepare(settings, migrate=True)
    file.unlink()
    await bootstrap.prepare(settings, migrate=True)

    assert file.read_text() != before
