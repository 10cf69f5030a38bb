"""OCPI as it is spoken, without any input or output."""

from collections.abc import Mapping
from types import MappingProxyType

from broker.ocpi import v2_0, v2_1_1, v2_2, v2_2_1, v2_3_0
from broker.ocpi.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.version.text: dialect
        for dialect in (v2_0.DIALECT, v2_1_1.DIALECT, v2_2.DIALECT, v2_2_1.DIALECT, v2_3_0.DIALECT)
    }
)
"""Every version that is spoken here, by its number, oldest first."""
