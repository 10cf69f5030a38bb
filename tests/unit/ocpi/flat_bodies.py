"""Credentials objects that name one party beside the token, as 2.0 and 2.1.1 have them."""

from broker.ocpi import DIALECTS
from tests.unit.ocpi.examples import example

MISSING = object()
FLAT = ["2.0", "2.1.1"]

V20, V211 = (DIALECTS[version] for version in FLAT)

BODY = example("2.0", "credentials")


def body_with(name, value):
    body = {**BODY, name: value}
    return {key: kept for key, kept in body.items() if kept is not MISSING}
