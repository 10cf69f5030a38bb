"""Names, websites, logos: what is wrong with them is dropped or cut and noted (CO-15 to CO-22, CO-40)."""

import pytest

from broker.core.model import BusinessDetails, Image
from broker.ocpi.business_details import Decoration
from broker.ocpi.dialect import PLAIN, Malformed
from broker.ocpi.fields import Notes

ASCII, UNICODE, OPEN = Decoration(ascii_only=True), Decoration(), Decoration(open_categories=True)
PLUG = "\N{ELECTRIC PLUG}"
PATH = "business_details"
LOGO = {"url": "https://cdn.example/l.svg", "category": "OWNER", "type": "svg"}
IMAGE = Image("https://cdn.example/l.svg", "OWNER", "svg")


def read(decoration, **fields):
    """The details, and the notes about them."""
    notes = Notes()
    details = decoration.read({"name": "Kabelwerk", **fields}, PATH, notes)
    return details, list(notes.taken())


def url_of(length):
    start = "https://peer.example/"
    return start + "a" * (length - len(start))


CONTROL = "business_details.name: has control characters, which became blanks"
TOO_LONG = "business_details.name: has more than 100 characters and was cut"
BEYOND = "business_details.name: has characters beyond ASCII, which this version does not know"


@pytest.mark.parametrize(
    ("name", "kept", "notes"),
    [
        ("x" * 100, "x" * 100, []),
        ("x" * 101, "x" * 100, [TOO_LONG]),
        (PLUG * 100, PLUG * 100, []),
        (PLUG * 101, PLUG * 100, [TOO_LONG]),
        ("a\x00\r\nb", "a b", [CONTROL]),
        ("a\x85b\x7f", "a b ", [CONTROL]),
        ("\n", " ", [CONTROL]),
        ("\u202eabc\u200b", "\u202eabc\u200b", []),
        ("#NA", "#NA", []),
        ("\t" + "x" * 101, " " + "x" * 99, [CONTROL, TOO_LONG]),
    ],
)
def test_a_name_is_cut_rather_than_refused(name, kept, notes):
    """TY-01: characters are counted, not bytes."""
    assert read(UNICODE, name=name) == (BusinessDetails(kept), notes)


@pytest.mark.parametrize("name", ["Kabelwerk", "Käbelwerk", PLUG])
def test_a_name_beyond_ascii_is_kept_and_noted_where_the_version_has_ascii_only(name):
    assert read(ASCII, name=name) == (BusinessDetails(name), [] if name.isascii() else [BEYOND])
    assert read(UNICODE, name=name) == (BusinessDetails(name), [])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Kabelwerk Laden", "Kabelwerk Laden"),
        ("Käbelwerk Läden", "Kabelwerk Laden"),
        ("Ka\u0308belwerk", "Kabelwerk"),
        ("Électricité de Çà", "Electricite de Ca"),
        ("Łódź", "?odz"),
        (f"Strom {PLUG}", "Strom ?"),
        ("Ǆ", "DZ"),
        ("電力", "??"),
        ("\u0308", "?"),
        ("ﬃ" * 100, "ffi" * 33 + "f"),
    ],
)
def test_a_name_is_written_in_ascii_where_the_version_has_nothing_else(name, written):
    """TY-01."""
    assert ASCII.write(BusinessDetails(name), PLAIN) == {"name": written}
    assert UNICODE.write(BusinessDetails(name), PLAIN) == {"name": name}


@pytest.mark.parametrize(
    ("name", "said"),
    [(None, "is required"), (7, "must be a string"), (["Kabelwerk"], "must be a string"), ("", "must not be empty")],
)
@pytest.mark.parametrize("decoration", [ASCII, UNICODE, OPEN])
def test_a_name_is_the_only_thing_that_must_be_there(decoration, name, said):
    """CO-15."""
    with pytest.raises(Malformed) as refused:
        read(decoration, name=name)

    assert str(refused.value) == f"business_details.name: {said}"


@pytest.mark.parametrize(
    ("website", "why"),
    [
        ("", "must be an absolute URL"),
        ("kabelwerk.example", "must be an absolute URL"),
        (5, "must be a string"),
        ("https://a.example/ b", "must consist of printable ASCII without blanks"),
        (url_of(256), "must have at most 255 characters"),
    ],
)
def test_a_bad_website_is_dropped(website, why):
    details, notes = read(UNICODE, website=website)

    assert details.website is None
    assert notes == [f"business_details.website: {why}; it was dropped"]


def test_a_website_of_255_characters_is_kept():
    assert read(UNICODE, website=url_of(255)) == (BusinessDetails("Kabelwerk", url_of(255)), [])


@pytest.mark.parametrize("nothing", [{}, {"website": None, "logo": None}])
def test_what_is_not_there_is_nothing_to_note(nothing):
    assert read(UNICODE, **nothing) == (BusinessDetails("Kabelwerk"), [])


CATEGORIES = "must be one of CHARGER, ENTRANCE, LOCATION, NETWORK, OPERATOR, OTHER, OWNER"
PRINTABLE = "must be one to four printable characters"


@pytest.mark.parametrize(
    ("logo", "where", "why"),
    [
        ("https://cdn.example/l.svg", "logo", "must be an object"),
        ([], "logo", "must be an object"),
        ({}, "logo.type", "is required"),
        ({**LOGO, "url": "l.svg"}, "logo.url", "must be an absolute URL"),
        ({**LOGO, "url": None}, "logo.url", "is required"),
        ({**LOGO, "category": "owner"}, "logo.category", CATEGORIES),
        ({**LOGO, "category": "canary"}, "logo.category", CATEGORIES),
        ({**LOGO, "category": ["OWNER"]}, "logo.category", "must be a string"),
        ({**LOGO, "type": "image/svg"}, "logo.type", PRINTABLE),
        ({**LOGO, "type": ""}, "logo.type", PRINTABLE),
        ({**LOGO, "type": "s v"}, "logo.type", PRINTABLE),
    ],
)
@pytest.mark.parametrize("decoration", [ASCII, UNICODE])
def test_a_bad_logo_is_dropped(decoration, logo, where, why):
    details, notes = read(decoration, logo=logo)

    assert details.logo is None
    assert notes == [f"business_details.{where}: {why}; the logo was dropped"]


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (512, 512),
        (1, 1),
        ("512", 512),
        (99999, 99999),
        (100000, None),
        (-1, None),
        (True, None),
        (1.5, None),
        ("1e3", None),
        ("123456", None),
        ([], None),
    ],
)
@pytest.mark.parametrize("name", ["width", "height"])
def test_bad_pixels_are_dropped_and_a_string_is_read(name, width, kept):
    """CO-22, TY-12, F23."""
    details, notes = read(UNICODE, logo={**LOGO, name: width})

    assert getattr(details.logo, name) == kept
    what = f"business_details.logo.{name}: must be a whole number of at most five digits; it was dropped"
    noted = [f"business_details.logo.{name}: is a number in a string"] if isinstance(width, str) and kept else [what]
    assert notes == ([] if kept and isinstance(width, int) else noted)


def test_a_bad_thumbnail_is_dropped_and_the_logo_kept():
    details, notes = read(UNICODE, logo={**LOGO, "thumbnail": "t.svg"})

    assert details.logo == IMAGE
    assert notes == ["business_details.logo.thumbnail: must be an absolute URL; it was dropped"]


@pytest.mark.parametrize("category", ["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"])
@pytest.mark.parametrize("decoration", [ASCII, UNICODE, OPEN])
def test_the_categories_of_the_specification_are_read_and_written(decoration, category):
    """CO-19."""
    logo = {**LOGO, "category": category}

    details, notes = read(decoration, logo=logo)

    assert notes == []
    assert decoration.write(details, PLAIN)["logo"] == logo


def test_in_2_3_0_there_may_be_others_which_older_versions_are_told_as_other():
    """TY-09: OpenEnum."""
    details, notes = read(OPEN, logo={**LOGO, "category": "BANNER"})

    assert (details.logo.category, notes) == ("BANNER", [])
    assert OPEN.write(details, PLAIN)["logo"]["category"] == "BANNER"
    assert UNICODE.write(details, PLAIN)["logo"]["category"] == "OTHER"
    assert ASCII.write(details, PLAIN)["logo"]["category"] == "OTHER"


@pytest.mark.parametrize("category", ["", "A B", "x" * 65, "Bänner"])
def test_an_open_category_is_a_word_all_the_same(category):
    assert read(OPEN, logo={**LOGO, "category": category})[0].logo is None


CANARY = "c4nary"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": CANARY + "\n" * 101},
        {"website": CANARY},
        {"logo": CANARY},
        {"logo": {**LOGO, "url": CANARY}},
        {"logo": {**LOGO, "thumbnail": CANARY}},
        {"logo": {**LOGO, "category": CANARY}},
        {"logo": {**LOGO, "type": CANARY}},
        {"logo": {**LOGO, "width": CANARY}},
    ],
)
def test_a_note_names_the_path_and_never_the_value(fields):
    """CO-39."""
    notes = read(ASCII, **fields)[1]

    assert notes
    assert all(note.startswith(PATH) for note in notes)
    assert CANARY not in "".join(notes)
