"""Every shape that platforms send is read as its file says; and the files are what README.md says of them."""

import re

import pytest

from broker.ocpi import DIALECTS
from tests.corpus.readings import OFFERED, READINGS, expected
from tests.corpus.shapes import HERE, KINDS, STEPS, shapes

pytestmark = pytest.mark.anyio

ALL = list(shapes())
ENOUGH = {"answers": 60, "credentials": 60, "details": 15, "envelopes": 15, "errors": 30, "headers": 15, "lists": 12}
BODIES = {"body", "text", "raw", "values"}
KEYS = {"about", "versions", "status", "headers", "as", "expect", *BODIES}
HOST = re.compile(rb"https?:(?:\\?/){2}(\[[0-9a-f:]+\]|[^/:\\\"'\s<>?#]*)", re.IGNORECASE)
REAL = re.compile(rb"[\w-]\.(?:com|net|org|io|eu|de|nl|fr|uk|in|app|dev|cloud)\b", re.IGNORECASE)
OURS = re.compile(rb"([a-z0-9-]+\.)*example|127\.0\.0\.1|localhost|\[::1\]|kabelwerk\.ex")

each = pytest.mark.parametrize("shape", ALL, ids=lambda shape: shape.name)


@each
async def test_a_shape_is_read_as_its_file_says(shape):
    assert await expected(shape) == shape.document.get("expect")


@each
def test_a_file_says_what_was_seen_and_what_is_expected(shape):
    document = shape.document

    assert document.keys() <= KEYS
    assert len(document.keys() & BODIES) == 1
    assert 8 <= len(document["about"]) <= 120
    assert set(document["versions"]) <= set(DIALECTS)
    assert document["versions"]
    assert document["expect"].keys() == READINGS[shape.kind].keys()
    assert {step.partition(":")[0] for step in document.get("as", ())} <= STEPS.keys()


@each
def test_no_body_names_a_real_host(shape):
    """What stands in the file, and what is in the bodies beside it."""
    text = shape.path.read_bytes() + (shape.plain if "values" not in shape.document else b"")

    assert [host for host in HOST.findall(text) if not OURS.fullmatch(host)] == []
    assert REAL.findall(text) == []


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_enough_of_each_kind(kind):
    assert len(list(shapes(kind))) >= ENOUGH[kind]


def test_every_file_is_read():
    """None lies in a folder of no kind, no body is left over, and no two are the same."""
    bodies = {shape.path.parent / shape.document["raw"] for shape in ALL if "raw" in shape.document}
    files = {path for path in HERE.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".md"}}

    assert files == {shape.path for shape in ALL} | bodies
    told = KEYS - {"about", "versions", "expect"}
    inputs = [repr({name: shape.document[name] for name in told & shape.document.keys()}) for shape in ALL]
    assert len(set(zip((shape.kind for shape in ALL), inputs, strict=True))) == len(ALL)


@each
def test_our_own_token_is_never_taken_for_theirs(shape):
    assert f'"token": "{OFFERED}"' not in str(shape.document["expect"]).replace("'", '"')


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("kind", ["answers", "credentials", "details", "errors"])
def test_every_version_has_shapes_of_its_own(kind, version):
    assert sum(version in shape.document["versions"] for shape in shapes(kind)) >= 4


def _in_version(reading, version):
    return next(found for names, found in reading.items() if names == "all" or version in names.split())


@pytest.mark.parametrize("version", DIALECTS)
def test_what_a_request_may_say_costs_no_token_in_an_answer(version):
    """Whoever is accepted as it comes to us is accepted when it answers us, and says the same."""
    for shape in shapes("credentials"):
        request, answer = (_in_version(shape.document["expect"][name], version) for name in ("request", "answer"))
        assert "token" not in request or request == answer, shape.name
