"""The key file: for its owner only, never replaced, and never quoted."""

import base64
import json
import os
import stat

import pytest

from broker.crypto import keys
from broker.crypto.keys import KeyFileError

KEY = bytes(range(100, 132))
TEXT = base64.b64encode(KEY).decode()


def item(key_id="k1", key=TEXT):
    return {"id": key_id, "key": key}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def written(path, content, mode=0o600):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_new_file_is_for_its_owner_only_whatever_the_umask(path, mask):
    before = os.umask(mask)
    try:
        keys.create(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_created_is_read_again(path):
    created = keys.create(path)

    assert keys.read(path) == created
    assert list(created.peppers.values()) == [created.pepper]
    assert list(created.encryption_keys.values()) == [created.encryption_key]


def test_every_key_is_another_one_of_256_bits(tmp_path):
    rings = [keys.create(tmp_path / str(number)) for number in range(5)]

    made = {key for ring in rings for key in (ring.pepper.key, ring.encryption_key.key)}

    assert len(made) == 10
    assert {len(key) for key in made} == {32}


def test_an_existing_file_is_never_replaced(path):
    created = keys.create(path)

    with pytest.raises(FileExistsError):
        keys.create(path)

    assert keys.read(path) == created


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o666, 0o777])
def test_a_file_that_others_can_touch_is_refused_with_the_remedy(path, mode):
    keys.create(path)
    path.chmod(mode)

    with pytest.raises(KeyFileError, match=f"chmod 600 {path}$"):
        keys.read(path)


def test_its_owner_may_also_make_it_read_only(path):
    created = keys.create(path)
    path.chmod(0o400)

    assert keys.read(path) == created


def test_a_missing_file_is_said_to_be_missing(path):
    with pytest.raises(KeyFileError, match=f"^cannot read the key file {path}: No such file"):
        keys.read(path)


def test_the_first_of_each_kind_is_for_new_work_and_the_others_still_open(path):
    others = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3)]
    document = {
        "peppers": [item("p2", others[0]), item("p1", TEXT)],
        "encryption_keys": [item("m2", others[1]), item("m1", others[2])],
    }

    ring = keys.read(written(path, document))

    assert (ring.pepper.id, ring.encryption_key.id) == ("p2", "m2")
    assert ring.peppers["p1"].key == KEY
    assert set(ring.encryption_keys) == {"m1", "m2"}


GOOD = {"peppers": [item()], "encryption_keys": [item()]}
UTF8 = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        UTF8[:-1],
        UTF8[: UTF8.index(TEXT.encode()) + 20],
        UTF8 + UTF8,
        {**GOOD, "peppers": []},
        {**GOOD, "encryption_keys": []},
        {**GOOD, "peppers": None},
        {**GOOD, "peppers": item()},
        {**GOOD, "peppers": [TEXT]},
        {**GOOD, "peppers": [{"key": TEXT}]},
        {**GOOD, "peppers": [{"id": "k1"}]},
        {**GOOD, "peppers": [item(key=None)]},
        {**GOOD, "peppers": [item(key=TEXT[:-4])]},
        {**GOOD, "peppers": [item(key=TEXT + TEXT)]},
        {**GOOD, "peppers": [item(key=f"{TEXT[:20]} {TEXT[20:]}")]},
        {**GOOD, "encryption_keys": [item(key=f"é{TEXT}")]},
        {**GOOD, "encryption_keys": [item(key=base64.b64encode(KEY[:16]).decode())]},
        pytest.param(
            UTF8.replace(TEXT[:8].encode(), b"\xff" + TEXT[:7].encode()),
        ),
    ],
)
def test_a_damaged_file_is_refused_and_nothing_of_it_quoted(path, content):
    with pytest.raises(KeyFileError) as refused:
        keys.read(written(path, content))

    assert str(refused.value) == f"the key file {path} is damaged; restore it from your copy"
    assert refused.value.__suppress_context__


def test_no_key_prints(path):
    ring = keys.read(written(path, GOOD))

    shown = f"{ring!r} {ring} {ring.pepper!r} {ring.encryption_key!r}"

    assert shown.startswith("Keyring(peppers=['k1'], encryption_keys=['k1'])")
    assert repr(KEY)[2:10] not in shown
    assert TEXT[:8] not in shown
