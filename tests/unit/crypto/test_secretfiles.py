"""Files with a secret in them: for their owner only, whole or not at all, and never over another."""

import os
import stat

import pytest

from broker.crypto.secretfiles import write_new

SECRET = "obk-0123456789AB-secret"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "admin.key"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_file_is_for_its_owner_only_whatever_the_umask(path, mask):
    before = os.umask(mask)
    try:
        write_new(path, SECRET)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"{SECRET}\n"


def test_a_file_that_exists_is_not_replaced(path):
    path.write_text("the first")

    with pytest.raises(FileExistsError):
        write_new(path, SECRET)

    assert path.read_text() == "the first"


def test_nothing_else_is_left_behind(path):
    write_new(path, SECRET)
    with pytest.raises(FileExistsError):
        write_new(path, SECRET)

    assert [found.name for found in path.parent.iterdir()] == ["admin.key"]


def test_a_start_that_was_cut_off_does_not_stop_the_next(path):
    """A process id comes again, in a container every time."""
    path.with_name(f".{path.name}.{os.getpid()}").write_text(SECRET[:5])

    write_new(path, SECRET)

    assert path.read_text() == f"{SECRET}\n"
