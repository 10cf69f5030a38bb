"""What --party leaves alone."""

from broker.cli import notation, tenants
from ocpi_broker.v1.resources_pb2 import BusinessDetails, Image, Tenant

LOGO = Image(url="https://lumenhub.example/logo.svg", category="OPERATOR", type="svg")


def test_a_party_keeps_its_website_and_logo_when_it_is_named_anew():
    now = Tenant(parties=[notation.named_party(f"NL/LMH/{role}=Lumen Hub") for role in ("CPO", "EMSP")])
    looks = BusinessDetails(name="Lumen Hub", website="https://lumenhub.example", logo=LOGO)
    now.parties[0].business_details.CopyFrom(looks)
    wanted = Tenant(parties=[notation.named_party(f"NL/LMH/{role}=Lumen") for role in ("CPO", "EMSP", "HUB")])

    tenants._keep_looks(wanted, now)

    looks.name = "Lumen"
    assert [party.business_details for party in wanted.parties] == [looks, *[BusinessDetails(name="Lumen")] * 2]
