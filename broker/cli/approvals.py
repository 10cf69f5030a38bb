"""Which parties `peer approve` gives to a peer, and why it cannot."""

from broker.cli.failures import CommandError
from broker.cli.names import id_of, state_word
from broker.cli.notation import party_text
from broker.core.warning_ids import ABOUT_PARTIES
from ocpi_broker.v1.resources_pb2 import Party, Peer


def chosen(now: Peer, named: list[Party]) -> list[Party]:
    """Those that are named, or else all that the peer has asked for.

    Raises CommandError unless the peer has asked for each, or has said nothing of itself that could be had.
    """
    name, asked = id_of(now.name), [party_text(one) for one in now.requested_parties]
    if now.quarantined and not asked:
        if not named:
            raise CommandError(f"{name} is quarantined, and has not said who it is: name its parties with --party")
        return named  # it has not said who it is: the operator does
    if not asked:
        raise CommandError(f"{name} is {state_word(now.state)}, not quarantined, and has asked for no parties")
    strange = [text for text in map(party_text, named) if text not in asked]
    if strange:
        raise CommandError(f"{name} has not asked for {strange[0]}, but for: {', '.join(asked)}")
    return named or [*now.requested_parties]


def why_not(peer: Peer) -> str:
    """Why it was not given what was approved."""
    found = [one.message for one in peer.findings if one.id in ABOUT_PARTIES]
    return "; ".join(found) or "see its warnings"
