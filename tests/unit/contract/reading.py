"""Messages to read, and what a reader says about them."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from broker.contract.values import Violations
from broker.errors import InvalidArgumentError
from ocpi_broker.v1 import resources_pb2

few = settings(max_examples=30)

URL = "https://peer.example/ocpi/versions"
SECRET = "s3cret-credentials-token"
UNKNOWN = 99
YEAR = 366 * 24 * 3600
LETTERS = "must be two letters (ISO 3166-1 alpha-2)"
IDENTIFIER = "must be three letters or digits"


def text(longest):
    return st.text(st.characters(codec="utf-8"), min_size=1, max_size=longest)


def party(country="DE", identifier="KWL", role="ROLE_CPO", name="Kraftwerk", **details):
    business = resources_pb2.BusinessDetails(name=name, **details)
    return resources_pb2.Party(country_code=country, party_id=identifier, role=role, business_details=business)


def violations(read, *args):
    """What is wrong, field by field; nothing if it was read."""
    found = Violations()
    try:
        read(*args, found)
        found.check()
    except InvalidArgumentError as err:
        return list(err.violations)
    return []


def fields(read, *args):
    return [field for field, _ in violations(read, *args)]


def refused(read, *args):
    """The violations of a reader that raises by itself."""
    with pytest.raises(InvalidArgumentError) as refusal:
        read(*args)
    return list(refusal.value.violations)
