"""What is not HTTP is answered like everything else: with an envelope and message ids (EN-07, ID-02)."""

from uuid import uuid4

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from broker.ocpi.envelope import StatusCode, failure
from gateway.app import utc_now
from gateway.message_ids import read_message_ids

_STATUS = b"HTTP/1.1 400 Bad Request"


class EnvelopeProtocol(HttpToolsProtocol):
    """The parser stops before there is a request that an application could see, so the answer is made here."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the server's own words
        envelope = failure(StatusCode.CLIENT_ERROR, "this is no HTTP request that can be understood", utc_now())
        body = orjson.dumps(envelope)
        headers = (
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"connection", b"close"),
            *read_message_ids((), uuid4).headers,
        )
        lines = [_STATUS, *(name + b": " + value for name, value in headers), b"", body]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
