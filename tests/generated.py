"""Is proto/gen what protoc makes of proto/ today? Exits with 1 and names the files if not; `make proto` repairs it."""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
COMMITTED = PROTO / "gen"


def generate(target: Path) -> None:
    """What `make proto` does, into another folder."""
    plugin = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    sources = sorted(str(path) for path in (PROTO / "ocpi_broker").rglob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--plugin=protoc-gen-mypy_grpc={plugin}"]
    subprocess.run([*protoc, "-I", PROTO, *outputs, *sources], check=True, stderr=subprocess.DEVNULL)


def differences(fresh: Path, committed: Path) -> list[str]:
    """Files that differ, are missing or are left over; package markers are ours."""
    made, kept = (
        {path.relative_to(folder) for path in folder.rglob("*.py*") if "__pycache__" not in path.parts}
        for folder in (fresh, committed)
    )
    kept -= {path for path in kept if path.name in {"__init__.py", "py.typed"}}
    changed = {path for path in made & kept if not filecmp.cmp(fresh / path, committed / path, shallow=False)}
    return sorted(str(path) for path in changed | (made ^ kept))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = differences(Path(folder), COMMITTED)
    for path in stale:
        print(f"proto/gen/{path} is not what its .proto says; run `make proto`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
