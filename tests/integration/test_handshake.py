"""Registration as OCPI 2.2.1 has it, message by message, and what is open before and after."""

import httpx
import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.peer import ISSUED, Received, checked, encoded, new_party, new_token
from tests.stack import OUR_PARTY, Guest, Home, Stack

pytestmark = pytest.mark.anyio


async def test_a_strict_sender_registers(stack: Stack, home: Home, guest: Guest) -> None:
    sender, platform = guest.sender, guest.platform
    theirs = new_token()

    await sender.discover()
    reply = await sender.post(token=theirs)

    assert reply.outcome == (200, 1000)
    assert platform.resources() == ["versions", "details"]  # RR-05, in this order, before the answer
    assert ISSUED.fullmatch(reply.token)
    assert "-" in reply.token  # CO-42
    assert reply.token not in {guest.invitation.token, theirs}  # RR-11
    assert reply.data["url"] == home.versions_url  # CO-34
    assert [(entry["country_code"], entry["party_id"], entry["role"]) for entry in reply.data["roles"]] == [
        tuple(OUR_PARTY.split("/"))
    ]
    assert {entry["business_details"]["name"] for entry in reply.data["roles"]} == {"Lumen Hub"}


async def test_an_internal_service_gets_the_token_that_the_sender_sent(home: Home, guest: Guest) -> None:
    theirs = new_token()
    await guest.sender.discover()
    await guest.sender.post(token=theirs)

    held = await home.held(guest.name, module="locations", interface_role=resources_pb2.INTERFACE_ROLE_SENDER)

    assert held.token == theirs  # RR-14
    assert held.authorization == encoded(theirs)
    assert held.version == "2.2.1"
    assert held.versions_url == guest.platform.versions_url  # TR-14: byte for byte
    assert held.endpoint_url == f"{guest.platform.base}/ocpi/2.2.1/sender/locations"
    assert {(endpoint.module, endpoint.interface_role) for endpoint in held.endpoints} == {
        ("credentials", resources_pb2.INTERFACE_ROLE_SENDER),
        ("locations", resources_pb2.INTERFACE_ROLE_SENDER),
        ("tokens", resources_pb2.INTERFACE_ROLE_RECEIVER),
    }


async def test_the_peer_is_found_by_its_party_in_any_letter_case(stack: Stack, home: Home, registered: Guest) -> None:
    country_code, party_id, _ = registered.party.split("/")
    key = token_service_pb2.PartyKey(country_code=country_code.lower(), party_id=party_id.lower())

    held = await stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=home.name, party=key))

    assert held.peer == registered.name


async def test_the_issued_token_opens_everything_and_the_invitation_nothing_more(home: Home, guest: Guest) -> None:
    sender, invitation = guest.sender, guest.invitation.token
    theirs = new_token()
    await sender.discover()
    issued = (await sender.post(token=theirs)).token

    sender.token = issued
    assert (await sender.versions()).outcome == (200, 1000)
    sender.token = invitation
    assert (await sender.versions()).status == 401  # RR-13, once the new token was seen
    functional = {name: (await home.verify(token)).valid for name, token in
                  (("issued", issued), ("invitation", invitation), ("theirs", theirs))}  # fmt: skip
    assert functional == {"issued": True, "invitation": False, "theirs": False}


async def test_an_invitation_token_opens_versions_and_credentials_only(home: Home, guest: Guest) -> None:
    functional = await home.verify(guest.invitation.token)
    credentials = await home.verify(guest.invitation.token, "credentials")

    assert (functional.valid, functional.rejection) == (
        False,
        token_service_pb2.TOKEN_REJECTION_REGISTRATION_ONLY,
    )  # AU-09
    assert credentials.valid
    assert credentials.registration_only
    assert credentials.tenant == home.name


async def test_the_verified_token_tells_who_speaks(home: Home, registered: Guest) -> None:
    verified = await home.verify(registered.sender.token)

    assert verified.valid
    assert (verified.tenant, verified.peer, verified.version) == (home.name, registered.name, "2.2.1")
    assert [f"{party.country_code}/{party.party_id}" for party in verified.parties] == [
        registered.party.rpartition("/")[0]
    ]


async def test_versions_answer_while_the_post_is_open(guest: Guest) -> None:
    """RR-03, RS-07: a peer may ask us from inside its own handler."""
    sender = guest.sender
    seen: list[tuple[int, int]] = []

    async def ask_back(_: Received) -> None:
        seen.append((await sender.versions()).outcome)
        seen.append((await sender.get()).outcome)

    guest.platform.script["versions"] = ask_back
    await sender.discover()

    reply = await sender.post()

    assert reply.outcome == (200, 1000)
    assert seen == [(200, 1000), (200, 1000)]


async def test_our_version_details_list_each_endpoint_once(guest: Guest) -> None:
    """VD-01, VD-05, VD-06, VD-08."""
    listed = await guest.sender.versions()
    details = await guest.sender.get(listed.data[0]["url"])

    assert listed.data == [{"version": "2.2.1", "url": f"{guest.sender.base}/2.2.1"}]
    assert set(details.data) == {"version", "endpoints"}
    assert {(entry["identifier"], entry["role"]) for entry in details.data["endpoints"]} == {
        ("credentials", "SENDER"),
        ("locations", "SENDER"),
        ("tokens", "RECEIVER"),
    }
    assert all(set(entry) == {"identifier", "role", "url"} for entry in details.data["endpoints"])


async def test_get_credentials_echoes_the_invitation_token(home: Home, guest: Guest) -> None:
    """GT-01, GT-02, RR-19: nothing is made and nothing is revealed."""
    await guest.sender.discover()

    reply = await guest.sender.get()

    assert reply.outcome == (200, 1000)
    assert reply.token == guest.invitation.token
    assert reply.data["url"] == home.versions_url
    assert (await home.peer(guest.name)).state == resources_pb2.PEER_STATE_INVITED


async def test_get_credentials_echoes_the_issued_token(registered: Guest) -> None:
    first = await registered.sender.get()
    second = await registered.sender.get()

    assert first.token == second.token == registered.sender.token


async def test_one_platform_may_bring_many_parties(stack: Stack, home: Home) -> None:
    """CO-31: the same ids in two roles, the same role with two ids."""
    first, second = new_party(), new_party()
    parties = [first, first.replace("/CPO", "/EMSP"), second]
    invitation = await home.invite(*parties)
    async with stack.guest(home) as guest:
        sender = stack.sender(invitation, guest.platform, *parties)

        await sender.register()

    peer = await home.peer(invitation.peer.name)
    assert {f"{party.country_code}/{party.party_id}" for party in peer.parties} == {
        text.rpartition("/")[0] for text in parties
    }
    assert len(peer.parties) == 3


async def test_several_versions_are_one_registration(stack: Stack) -> None:
    """A42, UR-04: POST at another version is 405, PUT there switches the connection."""
    home = await stack.home(versions=("2.2", "2.2.1"))
    async with stack.guest(home, version="2.2") as guest:
        sender, platform = guest.sender, guest.platform
        await sender.register()
        assert (await home.held(guest.name)).version == "2.2"
        platform.version = "2.2.1"
        await sender.discover()

        assert (await sender.post()).status == 405
        await sender.rotate()

        assert (await home.held(guest.name)).version == "2.2.1"
        assert platform.faults == []


async def test_the_default_tenant_needs_no_name_in_its_urls(stack: Stack) -> None:
    """D4."""
    answer = await stack.peers.InvitePeer(
        peer_service_pb2.InvitePeerRequest(
            parent="tenants/default", terms=resources_pb2.InvitationTerms(any_party=True)
        )
    )
    headers = {"Authorization": encoded(answer.token)}
    urls = [f"{stack.http}/ocpi{middle}/versions" for middle in ("", "/default")]

    replies = [checked(await stack.client.get(url, headers=headers)) for url in urls]

    assert [reply.outcome for reply in replies] == [(200, 1000)] * 2
    assert replies[0].data == replies[1].data
    assert answer.versions_url in urls


async def test_unknown_paths_are_404_in_an_envelope(stack: Stack) -> None:
    """Appendix A, VD-14, F15."""
    for path in ("/", "/ocpi", "/nothing", "/ocpi/default/2.2.1/locations", "/ocpi/default/2.2.1/credentials/more"):
        reply = checked(await stack.client.get(f"{stack.http}{path}"))
        assert reply.status == 404, path


async def test_a_version_that_we_do_not_speak_is_404(guest: Guest) -> None:
    """VD-14."""
    reply = await guest.sender.get(f"{guest.sender.base}/7.5")
    assert reply.outcome == (404, 3002)


async def test_exchanges_are_recorded_without_secrets(stack: Stack, home: Home, registered: Guest) -> None:
    answer = await stack.peers.ListExchanges(peer_service_pb2.ListExchangesRequest(parent=registered.name))

    (exchange,) = answer.exchanges
    assert exchange.kind == resources_pb2.EXCHANGE_KIND_POST
    assert exchange.outcome == resources_pb2.EXCHANGE_OUTCOME_SUCCEEDED
    assert exchange.version == "2.2.1"
    assert exchange.correlation_id
    assert exchange.request_id
    assert exchange.HasField("end_time")
    assert exchange.steps
    text = str(exchange)
    held = await home.held(registered.name)
    assert not [token for token in (held.token, registered.sender.token, registered.invitation.token) if token in text]


async def test_no_method_is_hidden_in_an_override_header(stack: Stack, guest: Guest) -> None:
    """The method is the request line's, whatever a header says."""
    response = await stack.client.request(
        "GET",
        guest.sender.versions_url,
        headers={"Authorization": encoded(guest.sender.token), "X-HTTP-Method-Override": "DELETE"},
    )

    assert isinstance(response, httpx.Response)
    assert checked(response).outcome == (200, 1000)
