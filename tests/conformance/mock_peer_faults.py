"""What the checker must say of each fault of the mock peer: nothing where no rule is broken, else what is wrong.

A fault that stands in none of these tables fails a test.
"""

from broker.tools.mock_peer.faults import CATALOGUE, Side

HARMLESS = {
    "slow": ("slow:0.002", "slow:0.002@versions", "slow:0.002@details"),
    "trickle": ("trickle:0.002", "trickle:0.002@versions", "trickle:0.002@details"),
    "extra-fields": ("extra-fields", "extra-fields@versions", "extra-fields@details"),
    "lowercase-ids": ("lowercase-ids",),
    "callback-twice": ("callback-twice",),
    "missing-module": ("missing-module:tariffs",),
}
"""Faults that break no rule of OCPI, as they are armed: the checker finds no deviation."""

_POST, _ANSWER = "post_registers", "the_answer_is_their_object"
_LIST, _DETAILS = "the_version_list_is_an_array", "details_are_an_object"
_HEADERS = "both_header_forms_are_read"

FOUND = {
    # Nothing can be learned from an answer that does not come. The checker says so, and sends nothing twice.
    "drop-answer": ("drop-answer", _POST, "no answer"),
    "drop-after-headers": ("drop-after-headers", _POST, "no answer"),
    "truncate": ("truncate", _POST, "no answer"),
    "stall": ("stall", _POST, "no answer"),
    "huge": ("huge:5", _POST, "the answer has more than 4 MiB"),
    "gzip-bomb": ("gzip-bomb:5", _POST, "the answer has more than 4 MiB"),
    "504-after-commit": ("504-after-commit", _POST, "got HTTP 504 without an OCPI status code"),
    "500-after-commit": ("500-after-commit", _POST, "got HTTP 500 without an OCPI status code"),
    "html": ("html", "every_answer_is_json", "Content-Type is text/html"),
    "no-content": ("no-content", _POST, "got HTTP 204 without an OCPI status code"),
    "empty": ("empty", "every_answer_is_json", "the body is not a JSON object"),
    "content-type": ("content-type", "every_answer_is_json", "Content-Type is text/plain"),
    "status-string": ("status-string", _POST, 'got HTTP 200 with OCPI "1000"'),
    "no-timestamp": ("no-timestamp", "every_answer_is_an_envelope", "timestamp is missing"),
    "wrong-envelope": ("wrong-envelope", "data_is_what_is_due", "data is missing"),
    "redirect": ("redirect", "no_answer_redirects_or_fails", "HTTP 307"),
    "refuse": ("refuse:3000", _POST, "got HTTP 200 with OCPI 3000"),
    "http": ("http:503", "no_answer_redirects_or_fails", "HTTP 503"),
    "reject-token": ("reject-token", _LIST, "got HTTP 401 with OCPI 2000"),
    "forget": ("forget@PUT", "put_updates", "got HTTP 401 with OCPI 2000"),
    "raw-only": ("raw-only", _HEADERS, "Base64: expected HTTP 200"),
    "base64-only": ("base64-only", _HEADERS, "raw: expected HTTP 200"),
    "no-token": ("no-token", _ANSWER, "token is not a string"),
    "same-token": ("same-token", _ANSWER, "the token is not a new one"),
    "long-token": ("long-token", _ANSWER, "token has 70 characters"),
    "space-token": ("space-token", _ANSWER, "token has characters other than"),
    "echo-roles": ("echo-roles", _ANSWER, "the parties in it are ours"),
    "no-parties": ("no-parties", _ANSWER, ""),
    "url-is-details": ("url-is-details", _ANSWER, "which is not the version list"),
    "no-callback": ("no-callback", _POST, "our platform was asked for nothing"),
    "callback-old-token": ("callback-old-token", "every_call_has_the_token_of_the_body", "it has another token"),
    "missing-version": ("missing-version", _LIST, "at least one entry"),
    "wrapped-versions": ("wrapped-versions", _LIST, "data is not an array"),
    "wrong-version-in-details": ("wrong-version-in-details", _DETAILS, "version is 9.9"),
    "details-in-list": ("details-in-list", _DETAILS, "data is not an object"),
    "foreign-endpoint": ("foreign-endpoint", "credentials_can_be_read", "another-host.invalid"),
}
"""Faults that break a rule, or keep an answer or the platform itself from the checker: as they are armed, the check
that finds it, and words of what it says.
"""

CROSSING = frozenset({"put-inside-put", "post-inside-post", "delete-inside-put"})
"""The mock peer begins an exchange with the checker's own platform, which takes part in none."""

SENDING = frozenset(kind.name for kind in CATALOGUE.values() if kind.side is Side.SENDER)
"""The checker sends every request of a run, so a mock peer's faults as Sender do not show."""
