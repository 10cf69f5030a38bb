"""Public URLs that would give peers addresses that lead nowhere, or that are read on the way."""

import pytest

from broker.core.public_urls import MAX_PUBLIC_URL, flaw, is_safe


@pytest.mark.parametrize(
    "url",
    [
        "https://ocpi.example.com",
        "https://ocpi.example.com/",
        "https://example.com:8443/roaming/emea",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://example.com/my-ocpi",
    ],
)
def test_a_public_url_that_peers_can_use(url):
    assert flaw(url) is None
    assert is_safe(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "ocpi.example.com", "//ocpi.example.com", "ftp://example.com", "https://", "https:///x",
        "https://user@example.com", "https://user:pw@example.com", "https://example.com?a=b", "https://example.com#a",
        "https://example.com/a?b", "https://exa mple.com", " https://example.com", "https://example.com\n",
        "https://exämple.com", "https://example.com:port", "https://example.com/" + "a" * MAX_PUBLIC_URL,
    ],
)  # fmt: skip
def test_a_public_url_that_is_none(url):
    assert "must be an absolute http or https URL" in flaw(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/ocpi", "https://example.com/ocpi/", "https://example.com/ocpi/versions"]
)
def test_what_is_added_anyway_is_not_said_again(url):
    assert "must not have /ocpi in its path" in flaw(url)


@pytest.mark.parametrize("url", ["http://ocpi.example.com", "http://10.0.0.1:8080", "http://localhost.example.com"])
def test_plain_http_that_leaves_the_machine_is_not_safe(url):
    assert flaw(url) is None
    assert not is_safe(url)
