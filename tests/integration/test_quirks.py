"""Settings of one peer that help where it differs from the specification."""

import json
from typing import Any

import grpc
import pytest

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.integration.every_version import change, every_version, newest, speaks
from tests.peer import Platform, Received, Served, checked, encoded, envelope, new_token, raw, role
from tests.stack import Guest, Home, Stack

pytestmark = pytest.mark.anyio


def wrapped(platform: Platform) -> dict[str, Any]:
    """Scripts of the shapes that a strict tenant does not take, by quirk."""

    async def details(request: Received) -> Served | None:
        shown = request.header("authorization")
        return envelope(platform.details()) if shown in {platform.form(one) for one in platform.accepted} else None

    async def details_in_array(_: Received) -> Served:
        return envelope([platform.details()])

    async def versions_in_object(_: Received) -> Served:
        return envelope({"versions": platform.versions()})

    return {
        "url_is_version_details": {"versions": details},
        "details_wrapped_in_array": {"details": details_in_array},
        "versions_wrapped_in_object": {"versions": versions_in_object},
    }


SHAPES = ("url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object")


class TestQuirks:
    """Settings of one peer: what goes wrong without, that the record names the quirk, and that it helps."""

    async def _prove(self, stack: Stack, guest: Guest, quirk: str, value: str = "true", code: int = 3001) -> Any:
        await guest.sender.discover()
        before = await guest.sender.post()
        named = (await newest(stack, guest.name)).quirk
        await change(stack, guest.name, quirks={quirk: value})
        after = await guest.sender.post()

        assert before.outcome == (200, code)
        assert named == quirk
        assert after.outcome == (200, 1000), after
        assert dict((await stack.peers.GetPeer(peer_service_pb2.GetPeerRequest(name=guest.name))).peer.quirks) == {
            quirk: value
        }
        return after

    @pytest.mark.parametrize(
        "quirk", ["url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"]
    )
    async def test_shapes_are_taken_loosely(self, stack: Stack, quirk: str) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.platform.script |= wrapped(guest.platform)[quirk]
            await guest.sender.register()

            assert any(quirk in warning for warning in (await newest(stack, guest.name)).warnings)

    @pytest.mark.parametrize(
        "quirk", ["url_is_version_details", "details_wrapped_in_array", "versions_wrapped_in_object"]
    )
    async def test_shapes_are_a_quirk_where_it_is_strict(self, stack: Stack, quirk: str) -> None:
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            guest.platform.script |= wrapped(guest.platform)[quirk]
            await self._prove(stack, guest, quirk)

    async def test_accept_version_mismatch(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:

            async def mismatched(_: Received) -> Served:
                return envelope(guest.platform.details() | {"version": "2.2"})

            guest.platform.script["details"] = mismatched
            await self._prove(stack, guest, "accept_version_mismatch", code=3002)

    @every_version
    async def test_echoes_our_roles(self, stack: Stack, version: str) -> None:
        home = await stack.home(versions=[version])
        async with stack.guest(home, **speaks(version)) as guest:
            guest.sender.roles[:] = [role("NL/LMH/CPO")]
            await self._prove(stack, guest, "echoes_our_roles", code=2001)
            peer = await home.peer(guest.name)

            assert f"{peer.parties[0].country_code}/{peer.parties[0].party_id}" == guest.party[:6]

    async def test_token_max_len(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.0"])
        async with stack.guest(home, **speaks("2.0")) as guest:
            token = "t" * 255
            guest.platform.accepted.add(token)
            await guest.sender.discover()
            before = await guest.sender.post(token=token)
            named = (await newest(stack, guest.name)).quirk
            await change(stack, guest.name, quirks={"token_max_len": "255"})
            after = await guest.sender.post(token=token)

            assert before.outcome == (200, 2001)
            assert before.message.startswith("token: ")
            assert named == "token_max_len"
            assert after.outcome == (200, 1000)
            assert (await home.held(guest.name)).token == token

    async def test_missing_ids(self, stack: Stack) -> None:
        """ID-01, ID-07: never a reason to refuse, unless a tenant certifies."""
        home = await stack.home(policy=resources_pb2.TenantPolicy(strict=True))
        async with stack.guest(home) as guest:
            await guest.sender.discover()
            body = json.dumps(guest.sender.credentials(new_token())).encode()
            guest.platform.accepted.add(json.loads(body)["token"])

            async def post() -> Any:
                headers = {"Authorization": encoded(guest.sender.token), "Content-Type": "application/json"}
                return checked(await stack.client.post(guest.sender.credentials_url, content=body, headers=headers))

            before = await post()
            named = (await newest(stack, guest.name)).quirk
            await change(stack, guest.name, quirks={"missing_ids": "true"})
            after = await post()

            assert before.outcome == (200, 2001)
            assert "X-Request-ID" in before.message
            assert named == "missing_ids"
            assert after.outcome == (200, 1000)
            guest.platform.faults.clear()  # the correlation id is ours: the peer sent none

    async def test_auth_form_in(self, stack: Stack) -> None:
        """A1: both forms are taken, unless an operator forbids one."""
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.sender.form = raw
            assert (await guest.sender.versions()).status == 200
            await change(stack, guest.name, quirks={"auth_form_in": "base64"})
            assert (await guest.sender.versions()).status == 401
            guest.sender.form = encoded
            assert (await guest.sender.versions()).status == 200

    async def test_auth_form_out(self, stack: Stack) -> None:
        """A1: without it we write as the peer does, and try the other form once on GETs."""
        home = await stack.home()
        async with stack.guest(home) as guest:
            guest.sender.form, guest.platform.form = encoded, raw
            await change(stack, guest.name, quirks={"auth_form_out": "base64"})
            await guest.sender.discover()
            refused = await guest.sender.post()
            named = (await newest(stack, guest.name)).quirk
            seen = len(guest.platform.received)
            await change(stack, guest.name, quirks={"auth_form_out": "raw"})
            await guest.sender.register()
            held, peer = await home.held(guest.name), await home.peer(guest.name)

            assert refused.outcome == (200, 3001)
            assert named == "auth_form_out"
            assert seen == 1, "no second try"
            assert held.authorization == raw(held.token)
            assert (peer.auth_form_in, peer.auth_form_out) == (
                resources_pb2.HEADER_FORM_BASE64,
                resources_pb2.HEADER_FORM_RAW,
            )
            guest.platform.faults.clear()

    async def test_explicit_nulls(self, stack: Stack) -> None:
        home = await stack.home(versions=["2.3.0"])
        async with stack.guest(home, **speaks("2.3.0")) as guest:
            await guest.sender.discover()
            assert "hub_party_id" not in (await guest.sender.get()).data
            await change(stack, guest.name, quirks={"explicit_nulls": "true"})
            reply = await guest.sender.post()

            assert reply.data["hub_party_id"] is None
            assert reply.data["roles"][0]["business_details"] == {"name": "Lumen Hub", "website": None, "logo": None}

    async def test_trailing_slash(self, stack: Stack) -> None:
        home = await stack.home()
        async with stack.guest(home) as guest:
            await change(stack, guest.name, quirks={"trailing_slash": "true"})
            listed = await guest.sender.versions()
            await guest.sender.discover()
            reply = await guest.sender.post()

            assert listed.data[0]["url"] == f"{guest.sender.base}/2.2.1/"
            assert guest.sender.credentials_url == f"{guest.sender.base}/2.2.1/credentials/"
            assert reply.data["url"] == f"{guest.sender.base}/versions/"

    @pytest.mark.parametrize(
        "quirks", [{"no_such": "true"}, {"trailing_slash": "yes"}, {"token_max_len": "64"}, {"auth_form_in": "auto"}]
    )
    async def test_what_is_no_quirk_is_refused_by_name(self, stack: Stack, home: Home, quirks: dict[str, str]) -> None:
        invitation = await home.invite()
        with pytest.raises(grpc.RpcError) as caught:
            await change(stack, invitation.peer.name, quirks=quirks)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert next(iter(quirks)) in str(caught.value.details())


async def test_a_quirk_of_a_later_release_does_no_harm(own_stack: Stack) -> None:
    """Brokers are replaced one by one, and read what a newer one has written."""
    home = await own_stack.home()
    name = (await home.invite()).peer.name
    own_stack.database.execute("""UPDATE peer SET quirks = '{"from_a_later_release":"yes"}'""")
    changed = await change(own_stack, name, versions=["2.2.1"])

    assert dict(changed.quirks) == {"from_a_later_release": "yes"}


async def test_what_a_failed_exchange_let_pass_is_on_record(stack: Stack) -> None:
    policy = resources_pb2.TenantPolicy(required_modules=[resources_pb2.RequiredModule(module="commands")])
    home = await stack.home(policy=policy)
    async with stack.guest(home) as guest:
        guest.platform.script |= wrapped(guest.platform)["versions_wrapped_in_object"]
        await guest.sender.discover()
        reply = await guest.sender.post()
        exchange = await newest(stack, guest.name)

        assert reply.outcome == (200, 3003)
        assert any("versions_wrapped_in_object" in warning for warning in exchange.warnings)
