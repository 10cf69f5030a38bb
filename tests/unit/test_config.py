"""What the settings of a broker say of themselves."""

from pathlib import Path

import pytest

from broker.config import Settings, embedded_database

DATA = Path("/var/lib/a b")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (embedded_database(DATA), "ocpi-broker db upgrade --data-dir '/var/lib/a b'"),
        ("sqlite:////elsewhere/broker.db", "with the --database-url"),
        ("postgresql://me:s3cret@db/broker", "with the --database-url"),
    ],
)
def test_the_upgrade_is_of_the_database_in_use(url, said):
    told = Settings(DATA, "127.0.0.1:1", "https://a.example", url).how_to_upgrade

    assert said in told
    assert "s3cret" not in told
