"""What the gateway serves, as an OpenAPI document: read off the routes, the dialects and the table of refusals."""

from gateway.openapi.document import document

__all__ = ["document"]
