"""What a refusal says of itself beside its reason."""

from typing import Final

DOMAIN: Final = "ocpi-broker"
"""In the google.rpc.ErrorInfo of everything that the broker refuses, and of nothing that anybody else does."""
