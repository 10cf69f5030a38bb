"""Files of connections: JSON lines and CSV say the same, and what is wrong is named without a token."""

import json
from pathlib import Path

import pytest

from broker.cli import portable_files
from ocpi_broker.v1.resources_pb2 import INTERFACE_ROLE_SENDER, PEER_LIFECYCLE_MANUAL, Endpoint

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "moving"
TOKEN = "f00dfeedf00dfeed-secret"
LINE = {
    "name": "kwl",
    "version": "2.2.1",
    "held_token": TOKEN,
    "issued_token": TOKEN + "2",
    "auth_form_out": "raw",
    "versions_url": "https://kwl.example/versions",
    "endpoints": [{"module": "cdrs", "role": "SENDER", "url": "https://kwl.example/cdrs"}],
    "parties": ["DE/KWL/CPO"],
    "lifecycle": "manual",
}


def one(**changes):
    (line,) = portable_files.read(json.dumps({**LINE, **changes}))
    return line


def test_a_line_is_a_connection():
    peer = one().peer

    assert (peer.peer_id, peer.held_token, peer.lifecycle) == ("kwl", TOKEN, PEER_LIFECYCLE_MANUAL)
    assert list(peer.endpoints) == [
        Endpoint(module="cdrs", interface_role=INTERFACE_ROLE_SENDER, url="https://kwl.example/cdrs")
    ]
    assert not peer.HasField("terms")
    assert not peer.HasField("rotation_period")


def test_both_examples_say_the_same():
    lines = [portable_files.read((EXAMPLES / f"peers.{kind}").read_text()) for kind in ("jsonl", "csv")]

    assert [[line.reason for line in one] for one in lines] == [["", "", ""]] * 2
    lines[0][0].peer.parties[0].ClearField("business_details")  # has no column
    assert [line.peer for line in lines[0]] == [line.peer for line in lines[1]]
    assert [line.number for line in lines[0]] == [1, 2, 3]
    assert [line.number for line in lines[1]] == [2, 3, 4]


@pytest.mark.parametrize("write", [portable_files.write, portable_files.write_csv])
def test_what_is_written_is_read_as_the_same(write):
    changes = {
        "quirks": {"trailing_slash": "true"}, "rotation_period": "never", "renew": "reregister", "blocked": True,
        "terms": ["DE/KWL/CPO", "FR/*/CPO", "*/*/*"], "offered_versions": ["2.2.1"], "may_downgrade": True,
    }  # fmt: skip
    peer = one(**changes).peer

    (again,) = portable_files.read("\n".join(write([peer], "acme")))

    assert (again.peer, again.tenant) == (peer, "acme")
    assert again.peer.terms.any_party


def test_csv_as_spreadsheets_write_it():
    text = '\ufeffname;versions_url;parties;held_token\r\n"kwl";https://kwl.example;"DE/KWL/CPO\nDE/KWL/EMSP";a;b\r\n;;;\r\n'
    text += "two;https://two.example;DE/TWO/CPO;t\r\n"

    first, second = portable_files.read(text)

    assert (first.number, first.reason) == (2, "has more cells than the heading")
    assert (second.number, second.name, second.peer.held_token) == (5, "two", "t")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hled_token": "x"}, "hled_token is no field; there are tenant, name,"),
        ({"name": None}, "name: is missing"),
        ({"name": 7}, "name: is missing"),
        ({"held_token": 7}, "held_token: must be text"),
        ({"lifecycle": "sometimes"}, "lifecycle: "),
        ({"lifecycle": TOKEN}, "lifecycle: … is not one of managed, manual"),
        ({"parties": "DE/KWL/CPO"}, "parties: must be a list"),
        ({"parties": ["DE/KWL"]}, "parties[0]: must end in a role, for example DE/KWL/CPO"),
        ({"parties": [TOKEN]}, "parties[0]: must be two letters, three letters or digits, and a role"),
        (
            {"endpoints": [{"url": "https://x.eu", "modul": "cdrs"}]},
            "endpoints[0]: must have module, role and url",
        ),
        ({"endpoints": [{"module": "cdrs", "role": "BOTH", "url": ""}]}, "endpoints[0]: BOTH is not one of SENDER,"),
        ({"endpoints": [f"cdrs/{TOKEN}=https://x.example"]}, "endpoints[0]: … is not one of"),
        ({"quirks": {TOKEN: 1}}, "quirks: must be names and values as text"),
        ({"quirks": [TOKEN]}, "quirks: … is no quirk"),
        ({"rotation_period": "often"}, "rotation_period: must be a number and a unit"),
        ({"blocked": "perhaps"}, "blocked: must be true or false"),
        ({"tenant": 1}, "tenant: must be text"),
        ({"business_names": ["x"]}, "business_names: must be parties and the names"),
    ],
)
def test_what_is_wrong_is_named_without_a_token(changes, reason):
    line = one(**changes)

    assert line.peer is None
    assert line.reason.startswith(reason)
    assert TOKEN not in line.reason
    assert TOKEN not in repr(line)


def test_other_lines_are_read_all_the_same():
    good = json.dumps(LINE)

    lines = portable_files.read(f'{good}\n\n{{"name": \n["{TOKEN}"]\n{{"name": "x", "name": "y"}}\n{good}')

    assert [line.number for line in lines] == [1, 3, 4, 5, 6]
    assert [bool(line.peer) for line in lines] == [True, False, False, False, True]
    assert not any(TOKEN in line.reason for line in lines)


@pytest.mark.parametrize("text", ["", "[]", "name\nx", f"{TOKEN},{TOKEN}\n", 'name,versions_url\n"x'])
def test_what_is_no_such_file(text):
    with pytest.raises(ValueError, match="is n") as said:
        portable_files.read(text)
    assert TOKEN not in str(said.value)
