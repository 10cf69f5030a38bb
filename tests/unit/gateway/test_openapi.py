"""docs/openapi.json: it is current, it is OpenAPI, and it knows every status of the decision table."""

import json
import re
from pathlib import Path

import pytest
import schemathesis

from broker.ocpi import DIALECTS
from gateway.app import PREFIXES
from gateway.openapi import document
from gateway.openapi.responses import ONLY
from gateway.refusals import REFUSALS

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docs" / "openapi.json"
DOCUMENT = document()
COLUMNS = ("versions", "GET", "POST", "PUT", "DELETE")
CELL = re.compile(r"(?<!\[)\b([1-5]\d\d)\b")
# Said below the table rather than in it.
BELOW = {"500", "504"}


def responses(path: str, method: str) -> set[str]:
    return set(DOCUMENT["paths"][path][method.lower()]["responses"])


def decided(column: int) -> set[str]:
    """The HTTP statuses in one column of the decision table, without the row for methods that no path has."""
    text = (ROOT / "docs" / "decisions.md").read_text()
    rows = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) > 20
    cells = [row[column + 2] for row in rows if "method that the resource does not know" not in row[1]]
    return {status for cell in cells for status in CELL.findall(cell)}


def test_the_file_is_what_the_code_says():
    assert json.loads(FILE.read_text()) == DOCUMENT, "run `make openapi`"


def test_it_is_openapi():
    schemathesis.openapi.from_dict(DOCUMENT).validate()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_version_is_in_it(prefix):
    versioned = {f"/{version}{rest}" for version in DIALECTS for rest in ("", "/credentials")}

    assert {path.removeprefix(prefix) for path in DOCUMENT["paths"]} >= {"/versions", *versioned}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_statuses_of_credentials_are_those_of_the_decision_table(method):
    expected = decided(COLUMNS.index(method)) | BELOW

    for version in DIALECTS:
        assert responses(f"/ocpi/{version}/credentials", method) == expected


def test_the_statuses_of_versions_and_details_are_those_of_the_decision_table():
    expected = decided(0) | BELOW

    assert responses("/ocpi/versions", "GET") == expected
    assert all(responses(f"/ocpi/{version}", "GET") == expected for version in DIALECTS)


@pytest.mark.parametrize(
    ("method", "status", "header", "values"),
    [
        ("get", "401", "WWW-Authenticate", ["Token"]),
        ("post", "405", "Allow", ["GET, PUT, DELETE"]),
        ("put", "405", "Allow", ["GET, POST"]),
        ("delete", "405", "Allow", ["GET, POST"]),
        ("get", "503", "Retry-After", ["5"]),
        ("put", "429", "Retry-After", ["5", "60"]),
    ],
)
def test_headers_of_failures_are_promised(method, status, header, values):
    for version in DIALECTS:
        name = DOCUMENT["paths"][f"/ocpi/{version}/credentials"][method]["responses"][status]["$ref"].rpartition("/")[2]
        said = DOCUMENT["components"]["responses"][name]["headers"][header]
        assert (said["required"], said["schema"]["enum"]) == (True, values)


@pytest.mark.parametrize("version", DIALECTS)
def test_a_version_writes_and_reads_what_its_schema_says(version):
    """The examples are written by the dialect; they have to satisfy the schema that was read off it."""
    schemas = DOCUMENT["components"]["schemas"]

    for kind in ("Announced", "Answered", "Details"):
        schema = schemas[f"{kind}-{version}"]
        (example,) = schema["examples"]
        assert set(schema["required"]) <= set(example) <= set(schema["properties"])
        if kind != "Details":
            DIALECTS[version].read_credentials(example)


def test_a_refusal_that_is_told_apart_exists():
    assert set(ONLY) <= set(REFUSALS)
