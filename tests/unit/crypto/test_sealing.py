"""The only cipher: what was altered or moved elsewhere does not open."""

from dataclasses import replace

import pytest

from broker.core.model import Sealed
from broker.crypto.keys import EncryptionKey
from broker.crypto.sealing import new_data_key, own_key, unwrap
from broker.errors import TamperedError

MASTER = EncryptionKey("m1", bytes(range(32)))
OTHER_MASTER = EncryptionKey("m2", bytes(range(1, 33)))
MASTERS = {"m1": MASTER, "m2": OTHER_MASTER}
TEXT = b"a-token-that-we-hold"
BINDING = ("held token", "peer-1")


def data_key(tenant="acme", master=MASTER):
    return unwrap(MASTERS, new_data_key(master, tenant))


KEY = data_key()


def flipped(data, bit=1):
    """The bytes with one changed, for every one of them."""
    return [data[:index] + bytes([data[index] ^ bit]) + data[index + 1 :] for index in range(len(data))]


def test_what_was_sealed_opens():
    sealed = KEY.seal(TEXT, *BINDING)

    assert KEY.open(sealed, *BINDING) == TEXT
    assert sealed.key_id == KEY.id
    assert TEXT not in sealed.box


@pytest.mark.parametrize("text", [b"", b"\x00", bytes(10_000)])
def test_any_bytes_can_be_sealed(text):
    assert KEY.open(KEY.seal(text, *BINDING), *BINDING) == text


def test_nothing_is_sealed_the_same_twice():
    assert len({KEY.seal(TEXT, *BINDING).box for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "binding",
    [
        ("held token", "peer-2"),
        ("another purpose", "peer-1"),
        ("peer-1", "held token"),
        ("held token",),
        ("held token", "peer-1", ""),
        ("held tokenp", "eer-1"),
        ("held tokenpeer-1",),
        (),
    ],
)
def test_what_was_moved_to_another_purpose_or_peer_does_not_open(binding):
    with pytest.raises(TamperedError):
        KEY.open(KEY.seal(TEXT, *BINDING), *binding)


def test_what_was_moved_to_another_tenant_or_key_does_not_open():
    sealed = KEY.seal(TEXT, *BINDING)

    for other in (data_key("acme"), data_key("other"), replace(KEY, tenant="other"), replace(KEY, id="another")):
        with pytest.raises(TamperedError):
            other.open(sealed, *BINDING)


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_no_byte_can_be_altered(bit):
    sealed = KEY.seal(TEXT, *BINDING)

    for box in flipped(sealed.box, bit):
        with pytest.raises(TamperedError):
            KEY.open(replace(sealed, box=box), *BINDING)


def test_nothing_can_be_cut_off_or_added():
    box = KEY.seal(TEXT, *BINDING).box

    for other in [box[:length] for length in range(len(box))] + [box[1:], box + b"\x00"]:
        with pytest.raises(TamperedError):
            KEY.open(Sealed(KEY.id, other), *BINDING)


def test_a_refusal_tells_neither_text_nor_key():
    sealed = KEY.seal(TEXT, *BINDING)

    with pytest.raises(TamperedError) as refused:
        KEY.open(sealed, "elsewhere")

    assert str(refused.value) == "stored data does not open with its key"
    assert refused.value.__suppress_context__


def test_a_data_key_opens_under_its_master_and_is_nobody_elses():
    wrapped = new_data_key(MASTER, "acme")

    key = unwrap(MASTERS, wrapped)

    assert (key.id, key.tenant) == (wrapped.id, "acme")
    assert wrapped.sealed.key_id == "m1"
    assert unwrap(MASTERS, wrapped).open(key.seal(TEXT, *BINDING), *BINDING) == TEXT
    assert new_data_key(MASTER, "acme").id != wrapped.id


@pytest.mark.parametrize(
    "moved",
    [
        lambda wrapped: replace(wrapped, tenant="other"),
        lambda wrapped: replace(wrapped, id="0123456789abcdef"),
        lambda wrapped: replace(wrapped, sealed=replace(wrapped.sealed, key_id="m2")),
        lambda wrapped: replace(wrapped, sealed=replace(wrapped.sealed, box=b"")),
        lambda wrapped: replace(wrapped, sealed=replace(wrapped.sealed, box=wrapped.sealed.box[:12])),
    ],
)
def test_a_data_key_that_was_moved_does_not_open(moved):
    with pytest.raises(TamperedError, match=r"^a data key does not open with its encryption key$"):
        unwrap(MASTERS, moved(new_data_key(MASTER, "acme")))


def test_no_byte_of_a_wrapped_key_can_be_altered():
    wrapped = new_data_key(MASTER, "acme")

    for box in flipped(wrapped.sealed.box):
        with pytest.raises(TamperedError):
            unwrap(MASTERS, replace(wrapped, sealed=replace(wrapped.sealed, box=box)))


def test_a_master_of_the_same_id_and_another_key_opens_nothing():
    with pytest.raises(TamperedError):
        unwrap({"m1": replace(OTHER_MASTER, id="m1")}, new_data_key(MASTER, "acme"))


def test_an_encryption_key_that_is_gone_is_named():
    with pytest.raises(TamperedError, match=r"^the key file has no encryption key m1$"):
        unwrap({"m2": OTHER_MASTER}, new_data_key(MASTER, "acme"))


def test_the_brokers_own_key_opens_no_tenants_data_and_no_data_key():
    own = own_key(MASTER)
    wrapped = new_data_key(MASTER, "acme")

    assert own.open(own.seal(TEXT, "page"), "page") == TEXT
    for binding in (("acme", wrapped.id), (wrapped.id,), ("acme",), ()):
        with pytest.raises(TamperedError):
            own.open(wrapped.sealed, *binding)


def test_no_key_prints():
    shown = f"{MASTER!r} {MASTER} {KEY!r} {KEY} {own_key(MASTER)!r}"

    assert shown.startswith(f"EncryptionKey('m1') EncryptionKey('m1') DataKey({KEY.id!r}, 'acme') ")
    assert "AESGCM" not in shown
