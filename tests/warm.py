"""Imported before a process is forked many times: what every start of a broker does first is done once, here.

Nothing is left of it but what Python and SQLAlchemy remember: no thread, no connection, no file.
"""

import asyncio
import importlib
import tempfile
from pathlib import Path

import broker.cli.serving
import broker.process.stack  # noqa: F401
from broker.config import Settings, embedded_database
from broker.process import bootstrap

# What httpx and uvicorn import no sooner than at the first call.
for _name in ("httpcore", "httpcore._backends.anyio", "anyio._backends._asyncio", "uvicorn.lifespan.off"):
    importlib.import_module(_name)

with tempfile.TemporaryDirectory(prefix="ocpi-broker-warm-") as _folder:
    _data = Path(_folder)
    _settings = Settings(_data, "127.0.0.1:0", "http://127.0.0.1", embedded_database(_data))
    asyncio.run(bootstrap.prepare(_settings, migrate=True))
