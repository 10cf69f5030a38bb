"""What commands print."""

import json

import pytest

from broker.cli import output

HOSTILE = "Kabel\x1b[2Jwerk\r\n\x9b31m\u202eevil"


def test_with_json_exactly_one_document_goes_to_stdout(capsys):
    output.answer({"peer": "kw", "version": None}, as_json=True, text="not this")
    output.note("by the way")

    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"peer": "kw", "version": None}
    assert printed.err == "by the way\n"


def test_an_empty_list_is_a_document_as_well(capsys):
    output.answer_list("peers", [], ["peer"], as_json=True)

    assert json.loads(capsys.readouterr().out) == {"peers": []}


def test_an_empty_list_is_said_in_words(capsys):
    output.answer_list("peers", [], ["peer"], as_json=False)

    assert capsys.readouterr().out == "no peers\n"


def test_a_piped_table_has_a_line_per_row_however_long_it_is(capsys):
    rows = [{"peer": "kw", "url": f"https://{'x' * 300}"}, {"peer": "lh", "url": None}]

    output.answer_list("peers", rows, ["peer", "url"], as_json=False)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["PEER", "URL"] in lines
    assert ["kw", f"https://{'x' * 300}"] in lines
    assert ["lh", "-"] in lines


def test_fields_have_a_line_each_and_lists_of_objects_one_per_object():
    document = {
        "peer": "kw",
        "blocked": False,
        "parties": ["DE/KWL/EMSP", "DE/KWL/CPO"],
        "endpoints": [{"module": "a", "role": None}, {"module": "b", "role": "SENDER"}],
        "terms": {"any_party": True},
        "warnings": [],
    }

    assert output.fields(document).splitlines() == [
        "peer       kw",
        "blocked    no",
        "parties    DE/KWL/EMSP, DE/KWL/CPO",
        "endpoints  a  -",
        "           b  SENDER",
        "terms      any party yes",
        "warnings   -",
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_what_peers_wrote_cannot_steer_the_terminal(capsys, as_json):
    output.answer({"name": HOSTILE}, as_json=as_json)
    output.answer_list("peers", [{"name": HOSTILE}], ["name"], as_json=as_json)
    output.note(HOSTILE)

    printed = capsys.readouterr()
    assert not set("\x1b\r\x9b\u202e") & set(printed.out + printed.err)


def test_markup_of_the_terminal_library_is_text(capsys):
    output.answer_list("peers", [{"name": "[bold]x[/nope]"}], ["name"], as_json=False)

    assert "[bold]x[/nope]" in capsys.readouterr().out
