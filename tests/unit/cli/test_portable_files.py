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


def read(text):
    return portable_files.read(text.encode())


def one(**changes):
    (line,) = read(json.dumps({**LINE, **changes}))
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
    lines = [portable_files.read((EXAMPLES / f"peers.{kind}").read_bytes()) for kind in ("jsonl", "csv")]

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

    (again,) = read("\n".join(write([peer], "acme")))

    assert (again.peer, again.tenant) == (peer, "acme")
    assert again.peer.terms.any_party


def test_csv_as_spreadsheets_write_it():
    text = '\ufeffname;versions_url;parties;held_token\r\n"kwl";https://kwl.example;"DE/KWL/CPO\nDE/KWL/EMSP";a;b\r\n;;;\r\n'
    text += "two;https://two.example;DE/TWO/CPO;t\r\n"

    first, second = read(text)

    assert (first.number, first.reason) == (2, "has more cells than the heading")
    assert (second.number, second.name, second.peer.held_token) == (5, "two", "t")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hled_token": "x"}, "hled_token is no field; there are tenant, name,"),
        ({"name": None}, "name: is missing"),
        ({"name": 7}, "name: must be text"),
        ({"held_token": 7}, "held_token: must be text"),
        ({"name": ""}, "name: is missing"),
        ({TOKEN: 7}, "… is no field"),
        ({"lifecycle": "manuall"}, "lifecycle: manuall is not one of managed, manual"),
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
        ({"quirks": {"trailing_slahs": "true"}}, "quirks: trailing_slahs is no quirk; there are auth_form_in,"),
        ({"quirks": {"trailing_slash": "versions"}}, "quirks: trailing_slash must be true or false"),
        ({"offered_versions": 1, "versions_url": "https://x.example/versions"}, "offered_versions: must be a list"),
        ({"held_token": "\ud800"}, "has characters that are none"),
        ({"versions_url": "x" * 4_000_000}, "is larger than 4000000 bytes"),
        ({"rotation_period": "often"}, "rotation_period: must be a number and a unit"),
        ({"blocked": "perhaps"}, "blocked: must be true or false"),
        ({"tenant": 1}, "tenant: must be text"),
        ({"business_names": {"DE/KWM/CPO": "Kabelwerk"}}, "business_names: must be of parties that stand in parties"),
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

    lines = read(f'{good}\n\n{{"name": \n["{TOKEN}"]\n{{"name": "x", "name": "y"}}\n{good}')

    assert [line.number for line in lines] == [1, 3, 4, 5, 6]
    assert [bool(line.peer) for line in lines] == [True, False, False, False, True]
    assert not any(TOKEN in line.reason for line in lines)


def test_what_cannot_be_read_is_refused_by_its_line():
    good = json.dumps(LINE).encode()
    bad = b'{"name": "m\xfcller"}'
    nested = b'{"name": ' + b"[" * 100_000

    lines = portable_files.read(b"\n".join([good, bad, nested, good]))

    reasons = ["", "is no UTF-8 text", "is not a JSON object on one line", ""]
    assert [line.reason for line in lines] == reasons
    assert [line.peer is not None for line in lines] == [True, False, False, True]


def test_cells_of_csv_that_cannot_be_read_are_refused_by_their_line():
    long = " ".join(f"DE/{place:03X}/CPO" for place in [*range(4096)] * 4)
    text = f"name,versions_url,parties,,\nm\xfc,x,,,\nlong,https://x.example,{long},,\nmore,x,y,,z\n"

    lines = portable_files.read(text.encode("latin-1"))

    assert [line.reason for line in lines][::2] == ["is no UTF-8 text", "has more cells than the heading"]
    assert len(lines[1].peer.parties) > 16_000


@pytest.mark.parametrize("text", ["", "\ufeff", "\n \r\n"])
def test_a_file_without_a_line(text):
    assert read(text) == []


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("name,versions_url,hled_token", "has a column hled_token; there are tenant, name,"),
        (f"name,versions_url,{TOKEN}", "has a column …; there are"),
        ("name,versions_url,name", "has the column name twice"),
    ],
)
def test_a_wrong_heading_is_said_once(heading, said):
    with pytest.raises(ValueError, match=said):
        read(f"{heading}\na,b,c\nd,e,f\n")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("peer.held_token", "held_token"),
        ("peer.peer_id", "name"),
        ("peer.renewal", "renew"),
        ("peer.versions[0]", "offered_versions[0]"),
        ("peer.parties[12].country_code", "parties[12]"),
        ("peer.parties[0].business_details.name", "business_names"),
        ("peer.terms.patterns[1]", "terms"),
        ("parent", "tenant"),
    ],
)
def test_a_field_is_named_as_in_the_file(path, name):
    assert portable_files.field_of(path) == name


@pytest.mark.parametrize("text", ["[]", "name\nx", f"{TOKEN},{TOKEN}\n", 'name,versions_url\n"x'])
def test_what_is_no_such_file(text):
    with pytest.raises(ValueError, match="is n") as said:
        read(text)
    assert TOKEN not in str(said.value)
