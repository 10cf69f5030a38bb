"""The schema: bring it up to date, and say which one is there. Synchronous, for start-up and the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import StoreUnavailableError
from broker.store.engine import migration_engine

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Migrate to the newest schema. Does nothing if it is there; safe to run from two places at once.

    Raises StoreUnavailableError, whose cause says what is wrong with the database.
    """
    with _reachable():
        command.upgrade(_config(url), "head")


def current(url: str) -> str | None:
    """The schema's revision; None for an empty database. Raises StoreUnavailableError as upgrade does."""
    with _reachable():
        engine = migration_engine(url)
        try:
            with engine.connect() as connection:
                return MigrationContext.configure(connection).get_current_revision()
        finally:
            engine.dispose()


def newest() -> str:
    """The revision that this release works with."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if head is None:
        raise RuntimeError("no migrations were shipped")
    return head


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as err:
        raise StoreUnavailableError("the database cannot be used") from err
