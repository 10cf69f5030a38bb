"""The URL policy on its own: what is refused before anything is resolved, and which addresses count as what (F9)."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.outbound.url_policy import UrlPolicy, kind

STRICT = UrlPolicy()
LOOPBACK = UrlPolicy(insecure=frozenset({"loopback"}))
PRIVATE = UrlPolicy(insecure=frozenset({"private"}))
BOTH = UrlPolicy(insecure=frozenset({"loopback", "private"}))

HTTPS = "must be an https URL"
ABSOLUTE = "must be an absolute https URL"
LITERAL = "must name its host, not an IP address"
INNER = "must name a public host"
NO_NAME = "must have a valid host name"
NO_HOST = "must have a host, and a port only as a number"
CHARACTERS = "must consist of characters that a URL may have (RFC 3986)"
USER = "must not contain a user name or a password"
FRAGMENT = "must not contain a fragment"
PORT = "must use port 443"


def url_of_length(length):
    start = "https://peer.example/"
    return start + "a" * (length - len(start))


@pytest.mark.parametrize(
    "url",
    [
        "https://peer.example",
        "https://peer.example/ocpi/versions",
        "https://peer.example/ocpi/versions/",
        "https://peer.example?tenant=a@b",
        "https://peer.example/a@b",
        "https://PEER.Example/OCPI",
        "HTTPS://peer.example/",
        "https://peer.example:443/",
        "https://peer.example:/",
        "https://a-b.c--d.9peer.example/%7Ea;b=c,(d)",
        "https://xn--mnchen-3ya.example/",
        "https://peer.xn--p1ai/",
        "https://10.0.0.1.example/",
        "https://1.2.3.4.5.peer/",
        url_of_length(255),
    ],
)
def test_an_https_url_on_a_public_name_is_admitted(url):
    STRICT.check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        # the scheme
        ("http://peer.example/", HTTPS),
        ("http://10.0.0.1/", HTTPS),
        ("ftp://peer.example/", ABSOLUTE),
        ("file:///etc/passwd", ABSOLUTE),
        ("javascript:alert(1)", ABSOLUTE),
        ("//peer.example/", ABSOLUTE),
        ("/ocpi/versions", ABSOLUTE),
        ("https:/peer.example/", ABSOLUTE),
        ("https:peer.example", ABSOLUTE),
        ("https://", ABSOLUTE),
        ("", ABSOLUTE),
        # the host is missing or no host
        ("https:///versions", NO_HOST),
        ("https://?x", NO_HOST),
        ("https://:443/", NO_HOST),
        ("https://peer_example.com/", NO_HOST),
        ("https://peer%2eexample/", NO_HOST),
        ("https://peer.example,other.example/", NO_HOST),
        ("https://[::1/", NO_HOST),
        ("https://[::1]peer.example/", NO_HOST),
        ("https://[fe80::1%25eth0]/", NO_HOST),
        ("https://[v1.a]/", NO_HOST),
        ("https://[::g]/", NO_HOST),
        ("https://[:::]/", NO_NAME),
        ("https://[peer.example]/", NO_HOST),
        ("https://peer.example./", NO_NAME),
        ("https://.peer.example/", NO_NAME),
        ("https://peer..example/", NO_NAME),
        ("https://./", NO_NAME),
        ("https://-peer.example/", NO_NAME),
        ("https://peer-.example/", NO_NAME),
        ("https://" + "a" * 64 + ".example/", NO_NAME),
        # xn-- and nothing that it stands for
        ("https://xn--a.com/", NO_NAME),
        ("https://XN--A.com/", NO_NAME),
        ("https://peer.xn--a.com/", NO_NAME),
        ("https://xn--99999999.example/", NO_NAME),
        ("https://xn--peer-.example/", NO_NAME),
        # the host is an address, in whatever spelling
        ("https://192.0.2.1/", LITERAL),
        ("https://8.8.8.8/", LITERAL),
        ("https://127.0.0.1/", LITERAL),
        ("https://169.254.169.254/latest/meta-data/", LITERAL),
        ("https://[::1]/", LITERAL),
        ("https://[2606:4700::1111]/", LITERAL),
        ("https://[::ffff:10.0.0.1]/", LITERAL),
        ("https://[64:ff9b::a9fe:a9fe]/", LITERAL),
        ("https://2130706433/", NO_NAME),
        ("https://127.1/", NO_NAME),
        ("https://127.0.1/", NO_NAME),
        ("https://0/", NO_NAME),
        ("https://0x7f000001/", NO_NAME),
        ("https://0X7F.0.0.1/", NO_NAME),
        ("https://0x7f.0x0.0x0.0x1/", NO_NAME),
        ("https://017700000001/", NO_NAME),
        ("https://0177.0.0.1/", NO_NAME),
        ("https://127.0.0.01/", NO_NAME),
        ("https://127.0.0.256/", NO_NAME),
        ("https://127.0.0.1./", NO_NAME),
        ("https://peer.example.0x/", NO_NAME),
        # the host means something only here
        ("https://localhost/", INNER),
        ("https://LOCALHOST/", INNER),
        ("https://peer.localhost/", INNER),
        ("https://intranet/", INNER),
        ("https://metadata.google.internal/", INNER),
        ("https://printer.local/", INNER),
        ("https://nas.home.arpa/", INNER),
        # what else may stand in an authority
        ("https://user@peer.example/", USER),
        ("https://user:pass@peer.example/", USER),
        ("https://@peer.example/", USER),
        ("https://peer.example@10.0.0.1/", USER),
        ("https://peer.example:443@127.0.0.1:80/", USER),
        ("https://peer.example:8443/", PORT),
        ("https://peer.example:80/", PORT),
        ("https://peer.example:22/", PORT),
        ("https://peer.example:0/", "must have a port between 1 and 65535"),
        ("https://peer.example:65536/", "must have a port between 1 and 65535"),
        ("https://peer.example:999999/", NO_HOST),
        ("https://peer.example:https/", NO_HOST),
        ("https://peer.example:-1/", NO_HOST),
        ("https://peer.example:+443/", NO_HOST),
        ("https://peer.example:4:43/", NO_HOST),
        # fragments
        ("https://peer.example/#versions", FRAGMENT),
        ("https://peer.example/#", FRAGMENT),
        ("https://peer.example#@10.0.0.1/", FRAGMENT),
        # characters that parsers disagree on
        ("https://peer.example/a b", CHARACTERS),
        (" https://peer.example/", CHARACTERS),
        ("https://peer.example/\n", CHARACTERS),
        ("https://peer.example/\r\nX-Evil: 1", CHARACTERS),
        ("https://peer.exa\tmple/", CHARACTERS),
        ("https://peer.example\x00.other.example/", CHARACTERS),
        ("https://peer.example\\@10.0.0.1/", CHARACTERS),
        ("https:\\\\peer.example/", CHARACTERS),
        ("https://peer.example/\x7f", CHARACTERS),
        ("https://peer.example/{id}", CHARACTERS),
        ('https://peer.example/"', CHARACTERS),
        # international names are written in ASCII
        ("https://münchen.example/", CHARACTERS),
        ("https://peer.example/straße", CHARACTERS),
        ("https://127。0。0。1/", CHARACTERS),
        ("https://①②⑦.0.0.1/", CHARACTERS),
        ("https://peer.example:\uff14\uff14\uff13/", CHARACTERS),
        # length
        (url_of_length(256), "must have at most 255 characters"),
        (url_of_length(300), "must have at most 255 characters"),
    ],
)
def test_every_other_url_is_refused_with_its_reason(url, why):
    with pytest.raises(ValueError) as refusal:
        STRICT.check(url)

    assert str(refusal.value) == why


@pytest.mark.parametrize(
    ("policy", "url"),
    [
        (LOOPBACK, "http://127.0.0.1:9000/ocpi/versions"),
        (LOOPBACK, "http://127.255.0.9/"),
        (LOOPBACK, "https://127.0.0.1:9443/"),
        (LOOPBACK, "http://[::1]:9000/"),
        (LOOPBACK, "http://[0:0:0:0:0:0:0:1]:9000/"),
        (LOOPBACK, "http://[::ffff:127.0.0.1]:9000/"),
        (LOOPBACK, "http://localhost:9000/"),
        (LOOPBACK, "http://peer.localhost:9000/"),
        (PRIVATE, "http://10.0.0.1:8080/"),
        (PRIVATE, "http://172.31.0.1/"),
        (PRIVATE, "http://192.168.0.1/"),
        (PRIVATE, "http://[fd00::1]/"),
        (PRIVATE, "http://gateway:8080/ocpi/versions"),
        (PRIVATE, "http://peer.internal/"),
        (BOTH, "http://localhost:9000/"),
        (BOTH, "http://10.0.0.1/"),
        (UrlPolicy(ports=frozenset({443, 8443})), "https://peer.example:8443/"),
    ],
)
def test_an_exemption_admits_http_literals_and_ports_for_its_kind(policy, url):
    policy.check(url)


@pytest.mark.parametrize(
    ("policy", "url", "why"),
    [
        (LOOPBACK, "http://peer.example/", HTTPS),
        (LOOPBACK, "http://10.0.0.1/", HTTPS),
        (LOOPBACK, "https://10.0.0.1/", LITERAL),
        (LOOPBACK, "http://0.0.0.0:9000/", HTTPS),
        (LOOPBACK, "http://[::]:9000/", HTTPS),
        (LOOPBACK, "http://[::7f00:1]:9000/", HTTPS),
        (LOOPBACK, "http://localhost.example:9000/", HTTPS),
        (LOOPBACK, "http://2130706433:9000/", NO_NAME),
        (LOOPBACK, "http://user@localhost:9000/", USER),
        (LOOPBACK, "http://localhost:9000/#", FRAGMENT),
        (PRIVATE, "http://127.0.0.1/", HTTPS),
        (BOTH, "http://169.254.169.254/", HTTPS),
        (BOTH, "https://169.254.169.254/", LITERAL),
        (BOTH, "https://[fd00:ec2::254]/", LITERAL),
        (BOTH, "http://100.64.0.1/", HTTPS),
        (BOTH, "http://8.8.8.8/", HTTPS),
        (BOTH, "https://8.8.8.8/", LITERAL),
        (UrlPolicy(ports=frozenset({443, 8443})), "https://peer.example:22/", "must use port 443 or 8443"),
    ],
)
def test_an_exemption_admits_nothing_else(policy, url, why):
    with pytest.raises(ValueError) as refusal:
        policy.check(url)

    assert str(refusal.value) == why


def test_only_loopback_and_private_can_be_exempted():
    with pytest.raises(ValueError):
        UrlPolicy(insecure=frozenset({"special"}))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", "public"),
        ("100.63.255.255", "public"),
        ("100.128.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.32.0.0", "public"),
        ("2606:4700:4700::1111", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("64:ff9b::808:808", "public"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.255.255", "private"),
        ("fd00::1", "private"),
        ("fc00::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::a00:1", "private"),
        # unspecified, "this network"
        ("0.0.0.0", "special"),
        ("0.1.2.3", "special"),
        ("::", "special"),
        # link-local and site-local ones, and those that providers share among customers
        ("169.254.0.1", "special"),
        ("fe80::1", "special"),
        ("fe80::1%eth0", "special"),
        ("fec0::1", "special"),
        ("100.64.0.1", "special"),
        ("100.127.255.255", "special"),
        # metadata services of clouds
        ("169.254.169.254", "special"),
        ("::ffff:169.254.169.254", "special"),
        ("64:ff9b::a9fe:a9fe", "special"),
        ("100.100.100.200", "special"),
        ("168.63.129.16", "special"),
        ("192.0.0.192", "special"),
        ("fd00:ec2::254", "special"),
        ("fd20:ce::254", "special"),
        # multicast, broadcast, reserved
        ("224.0.0.1", "special"),
        ("239.255.255.255", "special"),
        ("ff02::1", "special"),
        ("ff0e::1", "special"),
        ("255.255.255.255", "special"),
        ("240.0.0.1", "special"),
        # documentation, benchmarks, protocol assignments
        ("192.0.2.1", "special"),
        ("198.51.100.1", "special"),
        ("203.0.113.1", "special"),
        ("198.18.0.1", "special"),
        ("192.0.0.8", "special"),
        ("192.88.99.1", "special"),
        ("2001:db8::1", "special"),
        ("3fff::1", "special"),
        ("100::1", "special"),
        # addresses around an IPv4 address: Teredo, 6to4, IPv4-compatible, local NAT64
        ("2001:0:808:808::1", "special"),
        ("2002:7f00:1::1", "special"),
        ("2002:808:808::1", "special"),
        ("::127.0.0.1", "special"),
        ("::8.8.8.8", "special"),
        ("64:ff9b:1::808:808", "special"),
        ("5f00::1", "special"),
        # no address
        ("peer.example", "special"),
        ("2130706433", "special"),
        ("", "special"),
    ],
)
def test_every_address_is_of_one_kind(address, expected):
    assert kind(address) == expected


@pytest.mark.parametrize(
    ("policy", "url", "addresses", "permitted"),
    [
        (STRICT, "https://peer.example/", ["8.8.8.8"], True),
        (STRICT, "https://peer.example/", ["2606:4700::1111", "8.8.8.8"], True),
        (STRICT, "https://peer.example/", [], False),
        (STRICT, "https://peer.example/", ["8.8.8.8", "10.0.0.1"], False),
        (STRICT, "https://peer.example/", ["::1"], False),
        (STRICT, "https://peer.example/", ["169.254.169.254"], False),
        (STRICT, "https://peer.example/", ["::ffff:127.0.0.1"], False),
        (LOOPBACK, "https://peer.example/", ["8.8.8.8"], True),
        (LOOPBACK, "https://peer.example/", ["127.0.0.1"], True),
        (LOOPBACK, "https://peer.example/", ["10.0.0.1"], False),
        (LOOPBACK, "http://localhost:9000/", ["::1", "127.0.0.1"], True),
        (LOOPBACK, "http://localhost:9000/", ["127.0.0.1", "8.8.8.8"], False),
        (LOOPBACK, "http://127.0.0.1:9000/", ["127.0.0.1"], True),
        (PRIVATE, "http://gateway:8080/", ["172.18.0.3"], True),
        (PRIVATE, "http://peer.example/", ["8.8.8.8"], False),
        (PRIVATE, "https://peer.example:22/", ["8.8.8.8"], False),
        (PRIVATE, "https://peer.example:22/", ["10.0.0.1"], True),
        (PRIVATE, "https://peer.example/", ["8.8.8.8"], True),
        (BOTH, "http://gateway/", ["169.254.169.254"], False),
        (BOTH, "https://peer.example/", ["169.254.169.254"], False),
    ],
)
def test_all_addresses_of_a_host_must_be_admitted(policy, url, addresses, permitted):
    assert policy.permits(url, addresses) is permitted


@pytest.mark.parametrize(
    ("policy", "address", "admitted"),
    [
        (STRICT, "8.8.8.8", True),
        (STRICT, "127.0.0.1", False),
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "10.0.0.1", False),
        (PRIVATE, "10.0.0.1", True),
        (BOTH, "169.254.169.254", False),
    ],
)
def test_an_address_is_admitted_by_its_kind(policy, address, admitted):
    assert policy.admits(address) is admitted


@pytest.mark.parametrize(
    ("policy", "one", "other", "same"),
    [
        (STRICT, "https://peer.example/versions", "https://peer.example/2.2.1/cdrs", True),
        (STRICT, "https://peer.example/", "https://PEER.example:443/", True),
        (STRICT, "https://ocpi.peer.example/", "https://api.peer.example/", True),
        (STRICT, "https://peer.example/", "https://api.eu.peer.example/", True),
        (STRICT, "https://a.peer.co.uk/", "https://b.peer.co.uk/", True),
        (STRICT, "https://peer.xn--p1ai/", "https://api.peer.xn--p1ai/", True),
        (STRICT, "https://peer.example/", "https://other.example/", False),
        (STRICT, "https://peer.example/", "https://evilpeer.example/", False),
        (STRICT, "https://peer.example/", "https://peer.example.other.example/", False),
        (STRICT, "https://peer.co.uk/", "https://other.co.uk/", False),
        (STRICT, "https://co.uk/", "https://uk/", False),
        # customers of one cloud are not one site
        (STRICT, "https://one.azurewebsites.net/", "https://other.azurewebsites.net/", False),
        (STRICT, "https://one.github.io/", "https://other.github.io/", False),
        (LOOPBACK, "http://127.0.0.1:9000/", "http://127.0.0.1:9001/", True),
        (LOOPBACK, "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", True),
        (LOOPBACK, "http://127.0.0.1:9000/", "http://localhost:9000/", True),
        (STRICT, "http://127.0.0.1:9000/", "http://localhost:9000/", False),
        (PRIVATE, "http://10.0.0.1/", "http://10.0.0.2/", False),
        (PRIVATE, "http://10.0.0.1/", "http://gateway/", False),
        (PRIVATE, "http://gateway/", "http://other/", False),
    ],
)
def test_a_site_is_a_host_or_a_registrable_domain(policy, one, other, same):
    assert policy.same_site(one, other) is same
    assert policy.same_site(other, one) is same


SCHEMES = st.sampled_from(["https://", "http://"])
HOSTS = st.sampled_from(
    ["peer.example", "localhost", "127.0.0.1", "[::1]", "[::FFFF:a00:1]", "xn--a", "A.b", "0x7f", ""]
)
PORTS = st.sampled_from(
    ["", ":", ":443", ":080", ":x", "@", ":a@10.0.0.1", ".", "%2e", "\\", "-", "]", "ß", "。", "\t"]
)
PATHS = st.lists(
    st.sampled_from(["/", "..", "%zz", "%2f", "?", "#", "@", "//", "[", ":80", "&=", ";", "\\"]), max_size=6
)


@given(st.tuples(SCHEMES, HOSTS, PORTS, PATHS.map("".join)).map("".join))
def test_the_http_client_reads_an_admitted_url_as_the_policy_does(url):
    try:
        BOTH.check(url)
    except ValueError:
        return

    read = httpx.URL(url)

    assert read.scheme in {"http", "https"}
    assert read.userinfo == b""
    BOTH.check(f"{read.scheme}://{read.netloc.decode('ascii')}")
    assert BOTH.same_site(url, f"{read.scheme}://{read.netloc.decode('ascii')}")
