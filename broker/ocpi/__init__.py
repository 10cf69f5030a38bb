"""PURE: OCPI as it is spoken: one Dialect per version, the envelope, the Authorization header.

For whoever reads or writes JSON of other platforms: outbound, exchanges, rpc, the gateway and the mock peer.
"""

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
