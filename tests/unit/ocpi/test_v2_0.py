"""What only 2.0 has: a draft, a logo that is a URL, details in an array (EN-03)."""

import pytest

from broker.core.announcements import Known, completed
from broker.core.model import BusinessDetails, Image, PartyKey, Role, Style, Terms, Token
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import PLAIN, Malformed
from broker.ocpi.fields import Notes
from tests.unit.ocpi.examples import data, example
from tests.unit.ocpi.flat_bodies import BODY, V20, V211, body_with

TOKEN = Token("5c6a9f0e-7d1b-4b8e-9a34-2f0d61c7be55")

DRAFT = example("2.0", "draft")
LOGO = "https://cdn.kabelwerk.example/logo.png"
EARLIER = Style(draft=True)


def test_a_draft_is_read_without_what_it_leaves_out():
    read = V20.read_credentials(DRAFT)

    assert (read.token, read.url, read.draft) == (TOKEN, None, True)
    assert read.warnings == (
        "url, party_id, country_code: are missing, as before the release of 2.0",
        "business_details.logo: is a URL, as before the release of 2.0",
    )
    (party,) = read.parties
    assert (party.country_code, party.party_id, party.role) == (None, None, None)
    assert party.details == BusinessDetails(
        "Kabelwerk Laden", "https://kabelwerk.example", Image(LOGO, "OPERATOR", "png")
    )


@pytest.mark.parametrize("name", ["url", "party_id", "country_code", "roles"])
def test_a_field_that_is_null_makes_no_released_object(name):
    """EN-10."""
    assert V20.read_credentials({**DRAFT, name: None}) == V20.read_credentials(DRAFT)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"url": "https://a.example/versions"}, "country_code: is required"),
        ({"party_id": "KWL"}, "url: is required"),
        ({"country_code": "DE"}, "url: is required"),
        ({"url": "https://a.example/versions", "country_code": "DE"}, "party_id: is required"),
    ],
)
def test_half_a_released_object_is_no_draft(field, said):
    with pytest.raises(Malformed) as refused:
        V20.read_credentials({**DRAFT, **field})

    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["token", "business_details"])
def test_a_draft_has_its_own_required_fields(name):
    with pytest.raises(Malformed, match=f"^{name}: is required$"):
        V20.read_credentials({key: value for key, value in DRAFT.items() if key != name})


@pytest.mark.parametrize("version", ["2.1.1", "2.2", "2.2.1", "2.3.0"])
def test_there_is_a_draft_of_2_0_only(version):
    with pytest.raises(Malformed, match=r"^url: is required$"):
        DIALECTS[version].read_credentials(DRAFT)


def ours(logo=None, website=None):
    announced = V20.read_credentials(BODY)
    what = Known(Terms(any_party=True), None, frozenset({PartyKey("NL", "OWN", Role.EMSP)}))
    credentials = completed(announced, what)
    details = BusinessDetails("Kabelwerk Laden", website, logo)
    return type(credentials)(
        credentials.token, credentials.url, (type(credentials.parties[0])(credentials.parties[0].key, details),)
    )


IMAGE = Image(LOGO, "NETWORK", "png", "https://cdn.kabelwerk.example/small.png", 512, 512)


def test_who_sent_a_draft_gets_the_released_object_with_the_logo_as_a_url():
    written = V20.write_credentials(ours(IMAGE, "https://kabelwerk.example"), EARLIER)

    assert written == {
        "token": TOKEN.reveal(),
        "url": BODY["url"],
        "business_details": {"name": "Kabelwerk Laden", "website": "https://kabelwerk.example", "logo": LOGO},
        "party_id": "KWL",
        "country_code": "DE",
    }
    assert DRAFT["business_details"].items() <= written["business_details"].items()


def test_who_sent_the_released_object_gets_the_logo_as_an_object():
    """CO-17."""
    written = V20.write_credentials(ours(IMAGE), PLAIN)

    assert written["business_details"]["logo"] == {
        "url": LOGO,
        "category": "NETWORK",
        "type": "png",
        "thumbnail": "https://cdn.kabelwerk.example/small.png",
        "width": 512,
        "height": 512,
    }


def test_without_a_logo_a_draft_has_none():
    assert "logo" not in V20.write_credentials(ours(), EARLIER)["business_details"]
    assert V20.write_credentials(ours(), Style(draft=True, explicit_nulls=True))["business_details"]["logo"] is None


def test_the_released_2_0_takes_a_logo_as_a_url_too_and_2_1_1_does_not():
    body = body_with("business_details", {"name": "Kabelwerk", "logo": LOGO})

    assert V20.read_credentials(body).parties[0].details.logo == Image(LOGO, "OPERATOR", "png")
    assert V211.read_credentials(body).parties[0].details.logo is None
    assert V211.read_credentials(body).warnings == ("business_details.logo: must be an object; the logo was dropped",)


@pytest.mark.parametrize(
    ("url", "file_type"),
    [
        ("https://cdn.example/logo.svg", "svg"),
        ("https://cdn.example/Logo.PNG", "png"),
        ("https://cdn.example/logo.jpeg?size=1.gif", "jpeg"),
        ("https://cdn.example/logo.svg#top", "svg"),
        ("https://cdn.example/logo.tar.gif", "gif"),
        ("https://cdn.example/logo", "img"),
        ("https://cdn.example/logo.", "img"),
        ("https://cdn.example/logo.image", "img"),
        ("https://cdn.example/v1.0/logo", "img"),
        ("https://cdn.io", "img"),
        ("http://example.com/images/logo.png", "png"),
    ],
)
def test_the_type_of_a_logo_that_is_a_url_is_its_extension(url, file_type):
    body = {**DRAFT, "business_details": {"name": "Kabelwerk", "logo": url}}

    assert V20.read_credentials(body).parties[0].details.logo == Image(url, "OPERATOR", file_type)


@pytest.mark.parametrize("logo", ["", "logo.png", "https://a.example/ b.png", "https://a.example/" + "x" * 240, 5])
def test_a_logo_that_is_no_url_is_dropped_and_noted(logo):
    read = V20.read_credentials({**DRAFT, "business_details": {"name": "Kabelwerk", "logo": logo}})

    assert read.parties[0].details.logo is None
    assert read.warnings[-1].startswith("business_details.logo: ")
    assert read.warnings[-1].endswith("the logo was dropped")


def test_a_draft_may_have_its_logo_as_an_object_too():
    logo = {"url": LOGO, "category": "NETWORK", "type": "png"}
    read = V20.read_credentials({**DRAFT, "business_details": {"name": "Kabelwerk", "logo": logo}})

    assert (read.draft, read.parties[0].details.logo) == (True, Image(LOGO, "NETWORK", "png"))


def test_version_details_of_2_0_may_stand_in_an_array():
    """EN-03: as its first edition shows them."""
    body = data("2.0", "details")

    assert V20.read_details([body], Notes()) == V20.read_details(body, Notes())
