"""How far is looked for a token: a number of places, however much has come. What is found is told in test_answers."""

import json
import sys

import pytest

from broker.core.model import Token
from broker.ocpi import salvage

OFFERED = Token("ours-55d1c0f2a9b34e78")
THEIRS = "theirs-0a1b2c3d4e5f"
STEPS = 150_000


def steps(body):
    """How often a function of the module was entered, or went on, while it read."""
    taken = 0

    def count(frame, event, _):
        nonlocal taken
        taken += event == "call" and frame.f_code.co_filename == salvage.__file__

    sys.setprofile(count)
    try:
        assert salvage.find(body, OFFERED) is None
    finally:
        sys.setprofile(None)
    return taken


def tree(branches, depth):
    return {"token": ""} if depth == 0 else [tree(branches, depth - 1)] * branches


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(tree(60, 3)),
        json.dumps(tree(14, 5)),
        json.dumps([{"token": ""}] * 300_000),
        json.dumps({f"k{number}": {"token": ""} for number in range(170_000)}),
        json.dumps(["[" + "0," * 9000 + "0]"] * 200),
    ],
    ids=["broad", "deep", "a list", "an object", "strings of JSON"],
)
def test_the_number_of_places_has_a_limit(body):
    assert steps(body.encode()) < STEPS


@pytest.mark.parametrize("depth", [3, 6, 20, 30, 5000])
def test_a_token_deep_down_is_found_and_its_place_is_not_spelt_out(depth):
    body = '{"a_rather_long_name":' * depth + json.dumps({"token": THEIRS}) + "}" * depth

    found = salvage.find(body.encode(), OFFERED)

    assert found.token == Token(THEIRS)
    assert len(found.path) <= 150


def test_data_comes_first():
    """Where the envelope has a token too, for example that of a session."""
    body = {"token": "of-the-session-61b2", "data": {"token": THEIRS}}

    assert salvage.find(json.dumps(body).encode(), OFFERED).token == Token(THEIRS)


def test_our_own_token_alone_is_none():
    body = {"data": OFFERED.reveal()}

    assert salvage.find(json.dumps(body).encode(), OFFERED) is None
