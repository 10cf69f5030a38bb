"""What there is to approve of a peer, and what is said where there is nothing."""

import pytest

from broker.cli import approvals
from broker.cli.failures import CommandError
from ocpi_broker.v1 import resources_pb2 as pb

NAME = "tenants/acme/peers/kw"
ONE = pb.Party(country_code="DE", party_id="KWL", role=pb.ROLE_CPO)
OTHER = pb.Party(country_code="DE", party_id="KWL", role=pb.ROLE_EMSP)


def peer(*asked, quarantined=False, state=pb.PEER_STATE_REGISTERED):
    return pb.Peer(name=NAME, state=state, quarantined=quarantined, requested_parties=asked)


@pytest.mark.parametrize(
    ("now", "named", "given"),
    [
        (peer(ONE, OTHER), [], [ONE, OTHER]),
        (peer(ONE, OTHER), [OTHER], [OTHER]),
        (peer(quarantined=True), [ONE], [ONE]),
    ],
)
def test_what_a_peer_has_asked_for_is_given(now, named, given):
    assert approvals.chosen(now, named) == given


@pytest.mark.parametrize(
    ("now", "named", "said"),
    [
        (peer(), [], "kw is registered, not quarantined, and has asked for no parties"),
        (peer(state=pb.PEER_STATE_INVITED), [ONE], "kw is invited, not quarantined, and has asked for no parties"),
        (peer(quarantined=True), [], "kw is quarantined, and has not said who it is: name its parties with --party"),
        (peer(ONE), [OTHER], "kw has not asked for DE/KWL/EMSP, but for: DE/KWL/CPO"),
    ],
)
def test_where_there_is_nothing_to_approve_the_state_is_said(now, named, said):
    with pytest.raises(CommandError, match=f"^{said}$"):
        approvals.chosen(now, named)
