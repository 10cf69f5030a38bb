"""What is installed from the two wheels, into environments with nothing else: the server, and the client alone."""

import asyncio
import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests import process
from tests.integration.test_readme import BILLING

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
CONTRACT = {path.name for path in (ROOT / "proto" / "ocpi_broker" / "v1").glob("*.proto")}
CLIENT_MEGABYTES = 30
_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")

EVERYTHING = """
import importlib, pkgutil, sys
import ocpi_broker
names = [module.name for module in pkgutil.walk_packages(ocpi_broker.__path__, "ocpi_broker.")]
for name in names:
    importlib.import_module(name)
assert len(names) > 20, names
assert not {"broker", "gateway"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both distributions as `make wheels` builds them, by name."""
    folder = tmp_path_factory.mktemp("dist")
    sources = (str(ROOT / "clients" / "python"), str(ROOT))
    _run(*_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), *sources)
    return {path.name.partition("-")[0]: path for path in folder.iterdir()}


def _run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def environment(folder: Path, requirements: Path, wheels: Sequence[Path]) -> Path:
    """A new environment with what a lock file lists and these wheels; its interpreter."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    ours = [f"{wheel} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels]
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join([requirements.read_text(), *ours]))
    install = ("install", "--no-compile", "--no-deps", "--require-hashes", "-r", str(wanted))
    _run(*_PIP, "--python", str(python), *install)
    return python


def _top_level(wheel: Path) -> set[str]:
    """The names that an installation adds beside its own records."""
    with ZipFile(wheel) as archive:
        return {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" not in name}


def test_each_wheel_has_its_own_names_and_no_more(wheels: dict[str, Path]) -> None:
    assert _top_level(wheels["ocpi_broker_client"]) == {"ocpi_broker"}
    assert _top_level(wheels["ocpi_broker"]) == {"broker", "gateway"}


def test_the_client_brings_contract_types_and_licence(wheels: dict[str, Path]) -> None:
    with ZipFile(wheels["ocpi_broker_client"]) as archive:
        names = set(archive.namelist())

    assert {f"ocpi_broker/v1/{name}" for name in CONTRACT} <= names
    assert {"ocpi_broker/py.typed", "ocpi_broker/client/service_config.json"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("token_service_pb2.pyi") for name in names)


def test_both_have_the_same_version_and_the_server_asks_for_it(wheels: dict[str, Path]) -> None:
    (version,) = {path.name.split("-")[1] for path in wheels.values()}

    with ZipFile(wheels["ocpi_broker"]) as archive:
        metadata = archive.read(f"ocpi_broker-{version}.dist-info/METADATA").decode()
    assert f"\nRequires-Dist: ocpi-broker-client=={version}\n" in metadata
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert (ROOT / "proto" / "released" / f"v{version}.binpb").exists()


@pytest.mark.long
async def test_the_server_as_installed_and_the_client_on_its_oldest_and_newest_libraries(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """`ocpi-broker up` from its wheel answers a client that has only its own: with both ends of what it supports."""
    server, oldest, newest = await asyncio.gather(
        asyncio.to_thread(environment, tmp_path / "server", REQUIREMENTS / "runtime.txt", list(wheels.values())),
        *(
            asyncio.to_thread(
                environment, tmp_path / name, REQUIREMENTS / f"client-{name}.txt", [wheels["ocpi_broker_client"]]
            )
            for name in ("oldest", "newest")
        ),
    )
    program = process.up(tmp_path, program=server.with_name("ocpi-broker"))
    ready = await program.start()
    try:
        for python in (oldest, newest):
            _imports(python)
            assert _megabytes(python.parents[1] / "lib") <= CLIENT_MEGABYTES
            assert await _refused(python, ready["grpc"], tmp_path / "data" / "admin.key") == "NOT_FOUND"
    finally:
        assert await program.stop() == 0


def _imports(python: Path) -> None:
    _run(str(python), "-W", "error", "-I", "-c", EVERYTHING)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


async def _refused(python: Path, target: str, key_file: Path) -> str:
    """The reason for which the README's service gets no token: nobody has registered yet."""
    program = (
        "import grpc, runpy\nfrom ocpi_broker import client\n"
        f"try: runpy.run_path({str(BILLING)!r})\n"
        "except grpc.RpcError as error: print(client.reason(error))"
    )
    env = process.environment(OCPI_BROKER_TARGET=target, OCPI_BROKER_KEY_FILE=str(key_file))
    running = await asyncio.create_subprocess_exec(
        python, "-W", "error", "-c", program, stdout=asyncio.subprocess.PIPE, env=env
    )
    async with asyncio.timeout(60):
        stdout, _ = await running.communicate()
    return stdout.decode().strip()


def test_what_a_service_installs_is_small(wheels: dict[str, Path]) -> None:
    """Three libraries and what they need; the server's are not among them."""
    listed = {
        line.partition("==")[0]
        for line in (REQUIREMENTS / "client-newest.txt").read_text().splitlines()
        if "==" in line
    }

    assert listed == {"googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}
