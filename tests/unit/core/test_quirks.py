"""Settings of one peer: each has a name, a type, and a default that strictness changes (Appendix D)."""

from dataclasses import fields

import pytest

from broker.core.model import HeaderForm
from broker.core.quirks import NO_QUIRKS, USUAL_TOKEN, Quirks

FLAGS = [
    "token_is_invitation",
    "explicit_nulls",
    "trailing_slash",
    "missing_ids",
    "echoes_our_roles",
    "accept_version_mismatch",
    "url_is_version_details",
    "details_wrapped_in_array",
    "versions_wrapped_in_object",
]
ON_BY_DEFAULT = {"url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"}
SETTINGS = [
    ("auth_form_in", "raw", HeaderForm.RAW),
    ("auth_form_in", "base64", HeaderForm.BASE64),
    ("auth_form_out", "raw", HeaderForm.RAW),
    ("auth_form_out", "base64", HeaderForm.BASE64),
    ("token_max_len", "65", 65),
    ("token_max_len", "255", 255),
    *((name, "true", True) for name in FLAGS),
    *((name, "false", False) for name in FLAGS),
]


def test_every_quirk_is_in_the_table_of_this_test():
    assert {item.name for item in fields(Quirks)} - {"later"} == {name for name, _, _ in SETTINGS}


@pytest.mark.parametrize(("name", "text", "value"), SETTINGS)
def test_a_quirk_is_read_and_written(name, text, value):
    quirks = Quirks.read({name: text})

    assert quirks == Quirks(**{name: value})
    assert quirks.write() == {name: text}


def test_what_is_not_set_is_not_written():
    assert Quirks.read({}) == NO_QUIRKS
    assert NO_QUIRKS.write() == {}


def test_several_are_read_at_once():
    settings = {"auth_form_out": "raw", "explicit_nulls": "true", "token_max_len": "128"}

    assert Quirks.read(settings).write() == settings


@pytest.mark.parametrize("name", ["", "auth_form", "Explicit_Nulls", "explicit-nulls", "longest_token", "read"])
def test_a_name_that_is_none_is_refused_with_those_that_are(name):
    with pytest.raises(ValueError) as refused:
        Quirks.read({"explicit_nulls": "true", name: "true"})

    assert str(refused.value).startswith(f"{name} is no quirk; there are auth_form_in, auth_form_out, ")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        *((name, text, "must be true or false") for name in FLAGS for text in ("", "True", "yes", "1", "raw")),
        ("auth_form_in", "", "must be raw or base64"),
        ("auth_form_in", "RAW", "must be raw or base64"),
        ("auth_form_out", "auto", "must be raw or base64"),
        ("auth_form_out", "true", "must be raw or base64"),
        *(
            ("token_max_len", text, "must be a number from 65 to 255")
            for text in ("", "64", "256", "-65", "65.0", "0x7f", " 65", "٦٥", "true", "9" * 5000)
        ),
    ],
)
def test_a_value_that_a_quirk_cannot_have_is_refused_with_those_that_it_can(name, text, said):
    with pytest.raises(ValueError) as refused:
        Quirks.read({name: text})

    assert str(refused.value) == f"{name} {said}"


@pytest.mark.parametrize("name", FLAGS)
def test_some_are_on_until_a_tenant_is_strict(name):
    assert NO_QUIRKS.tolerates(name, strict=False) is (name in ON_BY_DEFAULT)
    assert NO_QUIRKS.tolerates(name, strict=True) is False


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("name", FLAGS)
def test_what_an_operator_has_set_holds_whether_strict_or_not(name, chosen, strict):
    assert Quirks(**{name: chosen}).tolerates(name, strict=strict) is chosen


def test_the_longest_token_is_that_of_the_specification_unless_set():
    """CO-02, CO-41."""
    assert NO_QUIRKS.longest_token == USUAL_TOKEN == 64
    assert Quirks(token_max_len=200).longest_token == 200
