"""OCPI 2.2.1: differs from 2.2 in its number only (what 2.2 left open about the header is settled as Base64, AU-04)."""

from dataclasses import replace

from broker.core.model import Version
from broker.ocpi import v2_2

DIALECT = replace(v2_2.DIALECT, version=Version("2.2.1"))
