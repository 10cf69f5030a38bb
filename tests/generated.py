"""What is made of proto/: the Python code of the contract, and the copies of its .proto files that the client carries.

`python tests/generated.py write` makes it anew (`make proto`); `check` exits with 1 and names the files that are stale.
"""

import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
COMMITTED = ROOT / "clients" / "python"
PACKAGE = Path("ocpi_broker") / "v1"


def generate(target: Path) -> None:
    """Everything below an import root."""
    plugin = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    sources = sorted((PROTO / PACKAGE).glob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--plugin=protoc-gen-mypy_grpc={plugin}"]
    subprocess.run([*protoc, "-I", PROTO, *outputs, *sources], check=True, stderr=subprocess.DEVNULL)
    for source in sources:
        shutil.copyfile(source, target / PACKAGE / source.name)


def made(root: Path) -> set[Path]:
    """What is there of the contract; the package's own marker is not made."""
    files = {path.relative_to(root) for path in (root / PACKAGE).iterdir() if path.suffix in {".py", ".pyi", ".proto"}}
    return files - {PACKAGE / "__init__.py"}


def check() -> int:
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        now, kept = made(fresh), made(COMMITTED)
        changed = {path for path in now & kept if not filecmp.cmp(fresh / path, COMMITTED / path, shallow=False)}
    stale = sorted(changed | (now ^ kept))
    for path in stale:
        print(f"clients/python/{path} is not what proto/ says; run `make proto`", file=sys.stderr)
    return 1 if stale else 0


def write() -> int:
    for path in made(COMMITTED):
        (COMMITTED / path).unlink()
    generate(COMMITTED)
    return 0


if __name__ == "__main__":
    sys.exit({"check": check, "write": write}[sys.argv[1]]())
