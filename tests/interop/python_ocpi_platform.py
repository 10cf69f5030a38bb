"""A platform made of python-ocpi, run in that library's own environment by test_python_ocpi.py.

The library's application answers on loopback. Each line on stdin is one registration to send,
{"url", "version", "token", "access"}; each is answered with a line, {"token"} or {"error"}.
"""

import json
import logging
import sys
import threading
from typing import Any

import ocpi
from flask import Flask
from ocpi.managers import CredentialsDictMan, LocationManager
from werkzeug.serving import make_server

ROLE = {
    "role": "CPO",
    "business_details": {"name": "Kabelwerk"},
    "party_id": "KWL",
    "country_code": "DE",
}


class Credentials(CredentialsDictMan):  # type: ignore[misc]  # the library has no types
    """The library's manager with the step that it leaves to its users: register, and keep what came back."""

    def register(self, url: str, version: str, token: str, access: str) -> str:
        answered = self._sendRegisterResponse(url, version, token, access)
        self._updateToken(token, url, answered)
        return str(answered)


def main(store: str) -> None:
    logging.disable()
    app = Flask("platform")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    base = f"http://127.0.0.1:{server.port}/ocpi"
    credentials = Credentials([ROLE], f"{base}/versions", store)
    modules: dict[str, Any] = {
        "credentials": {"role": "SENDER", "object": credentials},
        "locations": {"role": "SENDER", "object": LocationManager()},
    }
    app.register_blueprint(ocpi.createOcpiBlueprint(base, modules))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"versions_url": credentials.url}), flush=True)
    for line in sys.stdin:
        try:
            said = {"token": credentials.register(**json.loads(line))}
        except Exception as error:  # noqa: BLE001  the test reads it
            said = {"error": repr(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
