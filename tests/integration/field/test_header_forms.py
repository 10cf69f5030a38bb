"""The form of header belongs to a token: services get the one in which the token that they get has worked (A1, A3)."""

import base64

import pytest

from ocpi_broker.v1 import resources_pb2
from tests.integration.announcing_peers import on_sqlite
from tests.integration.every_version import VERSIONS, every_version
from tests.integration.field.links import REGISTERED, UNREGISTERED, linked
from tests.integration.field.partner import BOTH, Form
from tests.peer import encoded, new_token, raw
from tests.stack import Stack

pytestmark = pytest.mark.anyio

NAMES = {raw: "raw", encoded: "base64"}
each_form = pytest.mark.parametrize("form", BOTH, ids=NAMES.values())
OTHER: dict[Form, Form] = {raw: encoded, encoded: raw}


def in_base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


@every_version
async def test_an_invitation_pasted_in_base64_says_nothing_of_the_next_token(stack: Stack, version: str) -> None:
    """The partner sent what stands in the header; taken as it is, it works, and looks like the raw form."""
    async with linked(stack, version, reads=[encoded]) as link:
        token = link.partner.fresh()

        peer = await link.connect(in_base64(token))

        new = link.partner.minted[-1]
        assert peer.state == REGISTERED
        assert (await link.held(), await link.shown()) == (new, encoded(new))
        assert any("Base64 of another token" in warning for warning in (await link.record()).warnings)
        assert (await link.peer()).auth_form_out == resources_pb2.HEADER_FORM_BASE64

        await link.rotate()
        assert await link.shown() == encoded(link.partner.minted[-1])
        assert (await link.unregister()).state == UNREGISTERED
        assert not link.partner.accepted, "it was told"


@on_sqlite
@pytest.mark.parametrize("version", [VERSIONS[1], VERSIONS[3]])
async def test_so_it_is_where_documents_are_open_to_all(stack: Stack, version: str) -> None:
    """Nothing that we may ask shows the form of the new token: a partner that decodes does so with every token."""
    async with linked(stack, version, reads=[encoded], open_documents=True) as link:
        token = link.partner.fresh()

        await link.connect(in_base64(token))

        assert await link.shown() == encoded(link.partner.minted[-1])


@on_sqlite
@every_version
async def test_a_usual_invitation_is_not_warned_of(stack: Stack, version: str) -> None:
    async with linked(stack, version) as link:
        await link.connected()

        assert not any("Base64" in warning for warning in (await link.record()).warnings)


@on_sqlite
@each_form
@every_version
async def test_a_partner_that_reads_one_form_gets_it_with_every_token(stack: Stack, version: str, form: Form) -> None:
    async with linked(stack, version, reads=[form]) as link:
        peer = await link.connected()
        assert not peer.HasField("job"), peer
        assert await link.shown() == form(link.partner.minted[-1])

        peer = await link.rotate()
        assert not peer.HasField("job"), peer
        assert await link.shown() == form(link.partner.minted[-1])
        assert link.partner.shown_with("PUT") == [form(link.partner.minted[-2])], "known by then"


@on_sqlite
@each_form
@every_version
async def test_the_form_is_that_in_which_the_new_token_has_worked(stack: Stack, version: str, form: Form) -> None:
    """Token A in one form, the token after it in the other one."""
    async with linked(stack, version, reads=[OTHER[form]]) as link:
        first = link.partner.fresh()
        link.partner.reads_token[first] = [form]
        await link.connect(first)
        assert await link.shown() == OTHER[form](link.partner.minted[-1])

        link.partner.reads_token[link.partner.minted[-1]] = [OTHER[form]]
        link.partner.reads = [form]
        await link.rotate()
        assert await link.shown() == form(link.partner.minted[-1])


@on_sqlite
@each_form
@every_version
async def test_a_partner_that_registers_is_shown_its_token_as_it_reads_it(
    stack: Stack, version: str, form: Form
) -> None:
    """Whatever form it writes itself."""
    async with linked(stack, version, reads=[form]) as link:
        sender = await link.invited()
        for writes in BOTH:
            sender.form = writes
            await (sender.rotate() if sender.credentials_url else sender.register())
            held = await link.held()

            assert await link.shown() == form(held)
            assert held in link.partner.accepted


@on_sqlite
@each_form
@every_version
async def test_a_401_to_put_or_delete_is_about_the_form_at_first(stack: Stack, version: str, form: Form) -> None:
    """Version documents that are open to all do not show it (A27)."""
    async with linked(stack, version, reads=[OTHER[form]], open_documents=True) as link:
        await link.connected()
        link.partner.reads = [form]
        held = await link.held()

        peer = await link.rotate()

        assert not peer.HasField("job"), peer
        assert sorted(link.partner.shown_with("PUT")) == sorted([OTHER[form](held), form(held)])
        assert await link.shown() == form(link.partner.minted[-1])
        record = await link.record()
        assert record.quirk == "auth_form_out"
        assert any(f"auth_form_out={NAMES[form]}" in warning for warning in record.warnings)

        link.partner.reads, held = [OTHER[form]], await link.held()
        assert (await link.unregister()).state == UNREGISTERED
        assert link.partner.shown_with("DELETE") == [form(held), OTHER[form](held)]
        assert not link.partner.accepted, "it was told"


@on_sqlite
@pytest.mark.parametrize("open_documents", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("quirk", [None, *BOTH], ids=["none", *NAMES.values()])
@pytest.mark.parametrize("version", [VERSIONS[1], VERSIONS[3]])
async def test_who_refuses_both_forms_does_not_know_us(
    stack: Stack, version: str, quirk: Form | None, *, open_documents: bool
) -> None:
    """Never more than once in each, and in one only where an operator has said which."""
    async with linked(stack, version, open_documents=open_documents) as link:
        await link.connected()
        if quirk:
            await link.change(quirks={"auth_form_out": NAMES[quirk]})
        held = await link.held()
        link.partner.take()
        forms = [quirk(held)] if quirk else sorted(form(held) for form in BOTH)

        peer = await link.rotate()

        assert peer.job.state == resources_pb2.JOB_STATE_FAILED
        assert sorted(link.partner.shown_with("PUT")) == (forms if open_documents else [])
        assert await link.held() == held
        assert (await link.unregister()).state == UNREGISTERED
        assert sorted(link.partner.shown_with("DELETE")) == forms


@on_sqlite
@pytest.mark.parametrize("quirk", BOTH, ids=NAMES.values())
async def test_a_form_that_is_set_is_the_only_one(stack: Stack, quirk: Form) -> None:
    async with linked(stack, reads=[OTHER[quirk]], open_documents=True) as link:
        await link.connected()
        await link.change(quirks={"auth_form_out": NAMES[quirk]})
        held = await link.held()

        peer = await link.rotate()

        assert peer.job.state == resources_pb2.JOB_STATE_FAILED
        assert link.partner.shown_with("PUT") == [quirk(held)]
        assert await link.shown() == quirk(held)


@on_sqlite
@each_form
@every_version
async def test_a_401_to_post_behind_open_documents_is_about_the_form_at_first(
    stack: Stack, version: str, form: Form
) -> None:
    """F-D: it has no effect at the partner. The setting that says so is named on record."""
    async with linked(stack, version, reads=[form], open_documents=True) as link:
        token = link.partner.fresh()

        peer = await link.connect(token)

        shown = link.partner.shown_with("POST")
        assert peer.state == REGISTERED, peer
        assert not peer.HasField("job"), peer
        assert shown[-1] == form(token)
        assert len(shown) == len(set(shown)) <= 2
        record = await link.record()
        assert (record.quirk == "auth_form_out") == (len(shown) == 2)
        assert any("auth_form_out" in warning for warning in record.warnings) == (len(shown) == 2)
        assert await link.shown() == form(link.partner.minted[-1])


@on_sqlite
async def test_a_post_refused_in_both_forms_ends_there(stack: Stack) -> None:
    async with linked(stack, open_documents=True) as link:
        token = new_token()

        peer = await link.connect(token)

        assert peer.job.state == resources_pb2.JOB_STATE_FAILED
        assert sorted(link.partner.shown_with("POST")) == sorted([raw(token), encoded(token)])
        assert (await link.record()).quirk == ""
