"""A platform made of python-ocpi, run in the libraries' own environment by the tests beside it.

The library's application answers on loopback. Each line on stdin is answered with a line: {"say": "state"} with
{"invitations", "registrations"}, a registration to send {"url", "version", "token", "access"} with {"token"} or
{"error"}. With the argument any-slash the application takes URLs with and without a slash at the end.
"""

import json
import logging
import secrets
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

    def invite(self) -> str:
        """A token with which a client may register. The library makes none: it takes every token that it knows."""
        token = secrets.token_urlsafe(32)
        self._updateToken(token, None, None)
        return token

    def state(self) -> dict[str, Any]:
        known = self.readJson()
        return {
            "invitations": [token for token, client in known.items() if client["client_token"] is None],
            "registrations": [
                {
                    "accepts": token,
                    "token": client["client_token"],
                    "url": client["client_url"],
                    "endpoints": client["endpoints"],
                }
                for token, client in known.items()
                if client["client_token"] is not None
            ],
        }


def main(store: str, *, any_slash: bool) -> None:
    logging.disable()
    app = Flask("platform")
    app.url_map.strict_slashes = not any_slash
    server = make_server("127.0.0.1", 0, app, threaded=True)
    base = f"http://127.0.0.1:{server.port}/ocpi"
    credentials = Credentials([ROLE], f"{base}/versions", store)
    modules: dict[str, Any] = {
        "credentials": {"role": "SENDER", "object": credentials},
        "locations": {"role": "SENDER", "object": LocationManager()},
    }
    app.register_blueprint(ocpi.createOcpiBlueprint(base, modules))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"versions_url": credentials.url, "token": credentials.invite()}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            said = credentials.state() if asked == {"say": "state"} else {"token": credentials.register(**asked)}
        except Exception as error:  # noqa: BLE001  the test reads it
            said = {"error": repr(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], any_slash="any-slash" in sys.argv[2:])
