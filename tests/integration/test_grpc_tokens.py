"""Tokens over gRPC: verified one by one or in batches, and read."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from google.protobuf import field_mask_pb2

from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.integration.grpc_refusals import Code, refused
from tests.peer import encoded, new_party, new_token, raw, role
from tests.stack import Guest, Home, Stack, violations

pytestmark = pytest.mark.anyio


async def test_verify_answers_with_a_reason_and_never_with_an_error(
    stack: Stack, home: Home, registered: Guest
) -> None:
    await registered.sender.versions()
    expired = await home.invite(new_party(), expiry=1)
    await asyncio.sleep(1.2)
    async with stack.guest(home) as blocked:
        await blocked.sender.register()
        await stack.peers.BlockPeer(peer_service_pb2.BlockPeerRequest(name=blocked.name))
    async with stack.guest(home) as ended:
        await ended.sender.register()
        await ended.sender.delete()
    invited = await home.invite(new_party())
    cases = {
        "": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        "Bearer x": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        "Token": token_service_pb2.TOKEN_REJECTION_MALFORMED,
        encoded(new_token()): token_service_pb2.TOKEN_REJECTION_UNKNOWN,
        encoded(expired.token): token_service_pb2.TOKEN_REJECTION_EXPIRED,
        encoded(blocked.sender.token): token_service_pb2.TOKEN_REJECTION_BLOCKED,
        encoded(ended.sender.token): token_service_pb2.TOKEN_REJECTION_REVOKED,
        encoded(invited.token): token_service_pb2.TOKEN_REJECTION_REGISTRATION_ONLY,
        encoded(registered.sender.token): token_service_pb2.TOKEN_REJECTION_UNSPECIFIED,
        raw(registered.sender.token): token_service_pb2.TOKEN_REJECTION_UNSPECIFIED,
    }
    for authorization, expected in cases.items():
        answer = await stack.tokens.VerifyToken(
            token_service_pb2.VerifyTokenRequest(parent=home.name, authorization=authorization, module="locations")
        )
        assert answer.rejection == expected, (authorization[:12], answer)
        assert answer.valid == (expected == token_service_pb2.TOKEN_REJECTION_UNSPECIFIED)
        assert bool(answer.peer) == answer.valid


async def test_a_batch_answers_each_entry_for_itself(stack: Stack, home: Home, registered: Guest) -> None:
    entry = token_service_pb2.GetPeerTokenRequest
    country_code, party_id, _ = registered.party.split("/")
    by_party = token_service_pb2.PartyKey(country_code=country_code, party_id=party_id)
    answer = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(
            parent=home.name,
            requests=[
                entry(peer=registered.name),
                entry(peer=f"{home.name}/peers/nobody"),
                entry(parent=home.name, party=by_party, module="locations"),
                entry(peer=registered.name, module="tariffs"),
            ],
        )
    )

    kinds = [result.WhichOneof("result") for result in answer.results]
    assert kinds == ["token", "refusal", "token", "refusal"]
    assert answer.results[0].token.token == answer.results[2].token.token
    assert answer.results[2].token.endpoint_url
    assert [answer.results[index].refusal.reason for index in (1, 3)] == ["NOT_FOUND", "ENDPOINT_NOT_FOUND"]
    assert all(answer.results[index].refusal.message for index in (1, 3))


async def test_a_full_batch_fits_into_a_message_however_large_its_peers_are(stack: Stack, home: Home) -> None:
    """gRPC clients take 4 MiB; a thousand parties in each of 500 entries would be five times as much."""
    async with stack.guest(home) as hub:
        hub.sender.roles = [role(f"DE/{place:03X}/CPO") for place in range(1000)]
        await stack.peers.UpdatePeer(
            peer_service_pb2.UpdatePeerRequest(
                peer=resources_pb2.Peer(name=hub.name, terms=resources_pb2.InvitationTerms(any_party=True)),
                update_mask=field_mask_pb2.FieldMask(paths=["terms"]),
            )
        )
        assert (await hub.sender.register()).outcome == (200, 1000)
    whole = await home.held(hub.name, module="locations")
    entry = token_service_pb2.GetPeerTokenRequest(peer=hub.name, module="locations")
    batch = token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 500)

    answer = await stack.tokens.BatchGetPeerTokens(batch)

    assert len(whole.parties) == 1000
    del whole.parties[:], whole.endpoints[:]
    for held in (whole, *(result.token for result in answer.results)):
        held.ClearField("revision")  # the audit entry of a disclosure may have been written in between
    assert [result.token for result in answer.results] == [whole] * 500


async def test_a_batch_is_about_one_tenant_and_has_a_limit(stack: Stack, home: Home, registered: Guest) -> None:
    other = await stack.home()
    entry = token_service_pb2.GetPeerTokenRequest(peer=registered.name)
    foreign = token_service_pb2.GetPeerTokenRequest(parent=other.name, peer=registered.name)
    error = await refused(
        stack.tokens.BatchGetPeerTokens(
            token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 501)
        )
    )
    assert error.code() == Code.INVALID_ARGUMENT
    assert any(path.startswith("requests") for path in violations(error))
    mixed = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry, foreign])
    )
    assert mixed.results[0].WhichOneof("result") == "token"
    assert mixed.results[1].refusal.reason == "INVALID_ARGUMENT"
    full = await stack.tokens.BatchGetPeerTokens(
        token_service_pb2.BatchGetPeerTokensRequest(parent=home.name, requests=[entry] * 500)
    )
    assert len(full.results) == 500


async def test_an_ambiguous_party_is_not_guessed(stack: Stack, home: Home) -> None:
    """PR-03: the same party in two roles at two peers needs the role."""
    cpo = new_party("CPO")
    async with stack.guest(home, cpo) as one, stack.guest(home, cpo.replace("CPO", "EMSP")) as two:
        await one.sender.register()
        await two.sender.register()
    country_code, party_id, _ = cpo.split("/")
    key = {"country_code": country_code, "party_id": party_id}

    def ask(**more: Any) -> Awaitable[token_service_pb2.GetPeerTokenResponse]:
        wanted = token_service_pb2.PartyKey(**key, **more)
        return stack.tokens.GetPeerToken(token_service_pb2.GetPeerTokenRequest(parent=home.name, party=wanted))

    error = await refused(ask())
    found = await ask(role=resources_pb2.ROLE_EMSP)

    assert error.code() in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND}
    assert found.peer == two.name


async def test_a_read_may_ask_for_a_revision_at_least(stack: Stack, home: Home, registered: Guest) -> None:
    held = await home.held(registered.name)

    again = await home.held(registered.name, min_revision=held.revision)

    assert held.revision > 0
    assert again.revision >= held.revision
