"""The documents that scripts rely on, from the contract's messages."""

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from broker.cli import documents
from ocpi_broker.v1 import admin_service_pb2 as admin
from ocpi_broker.v1 import peer_service_pb2 as peers
from ocpi_broker.v1 import resources_pb2 as pb
from ocpi_broker.v1 import token_service_pb2 as tokens
from tests.unit.cli.moment import MOMENT, TIME

PARTY = pb.Party(
    country_code="DE", party_id="KWL", role=pb.ROLE_EMSP, business_details=pb.BusinessDetails(name="Kabelwerk")
)
ENDPOINT = pb.Endpoint(module="locations", interface_role=pb.INTERFACE_ROLE_SENDER, url="https://kw.example/loc")
ENDPOINT_DOCUMENT = {"module": "locations", "role": "SENDER", "url": "https://kw.example/loc"}


def test_an_invitation():
    message = peers.InvitePeerResponse(
        peer=pb.Peer(name="tenants/acme/peers/kw"),
        token="t0k",
        authorization="Token dDBr",
        versions_url="https://acme.example/ocpi/acme/versions",
        expire_time=MOMENT,
    )

    assert documents.invitation(message) == {
        "peer": "kw",
        "token": "t0k",
        "authorization": "Token dDBr",
        "versions_url": "https://acme.example/ocpi/acme/versions",
        "expires": TIME,
    }


def test_a_held_token():
    message = tokens.GetPeerTokenResponse(
        peer="tenants/acme/peers/kw",
        token="t0k",
        authorization="Token dDBr",
        version="2.2.1",
        versions_url="https://kw.example/versions",
        endpoints=[ENDPOINT],
        parties=[PARTY],
        revision=7,
    )

    assert documents.held_token(message) == {
        "peer": "kw",
        "token": "t0k",
        "authorization": "Token dDBr",
        "version": "2.2.1",
        "versions_url": "https://kw.example/versions",
        "endpoint_url": None,
        "endpoints": [ENDPOINT_DOCUMENT],
        "parties": ["DE/KWL/EMSP"],
    }


def test_a_valid_token_is_told_with_its_owner():
    message = tokens.VerifyTokenResponse(
        valid=True, tenant="tenants/acme", peer="tenants/acme/peers/kw", parties=[PARTY], version="2.2.1"
    )

    assert documents.verification(message) == {
        "valid": True,
        "reason": None,
        "tenant": "acme",
        "peer": "kw",
        "parties": ["DE/KWL/EMSP"],
        "version": "2.2.1",
        "registration_only": False,
    }


def test_an_invalid_token_is_told_with_the_reason():
    message = tokens.VerifyTokenResponse(rejection=tokens.TOKEN_REJECTION_UNKNOWN)

    assert documents.verification(message) == {
        "valid": False,
        "reason": "UNKNOWN",
        "tenant": None,
        "peer": None,
        "parties": [],
        "version": None,
        "registration_only": False,
    }


def test_a_peer():
    message = pb.Peer(
        name="tenants/acme/peers/kw",
        state=pb.PEER_STATE_REGISTERED,
        unconfirmed=True,
        version="2.2.1",
        versions_url="https://kw.example/versions",
        parties=[PARTY],
        endpoints=[ENDPOINT, pb.Endpoint(module="credentials", url="https://kw.example/cred")],
        terms=pb.InvitationTerms(any_party=True),
        auth_form_in=pb.HEADER_FORM_BASE64,
        register_time=MOMENT,
        etag='"3"',
        warnings=["look here"],
        findings=[pb.Finding(id="LOOK", message="look here")],
    )

    assert documents.peer(message) == {
        "peer": "kw",
        "tenant": "acme",
        "state": "REGISTERED",
        "blocked": False,
        "unconfirmed": True,
        "version": "2.2.1",
        "versions_url": "https://kw.example/versions",
        "parties": ["DE/KWL/EMSP"],
        "business_names": {"DE/KWL/EMSP": "Kabelwerk"},
        "endpoints": [ENDPOINT_DOCUMENT, {"module": "credentials", "role": None, "url": "https://kw.example/cred"}],
        "terms": {"parties": [], "any_party": True, "versions_url": None},
        "requested_parties": [],
        "quirks": {},
        "auth_form_in": "base64",
        "auth_form_out": None,
        "offered_versions": None,
        "may_downgrade": False,
        "quarantined": False,
        "lifecycle": "managed",
        "rotation_period": None,
        "renew": "put",
        "job": None,
        "health": {
            "state": "UNKNOWN",
            "since": None,
            "reason": None,
            "message": None,
            "last_contact_in": None,
            "last_contact_out": None,
            "last_probe": None,
        },
        "warnings": [{"id": "LOOK", "message": "look here"}],
        "invitation_expire_time": None,
        "register_time": TIME,
        "token_time": None,
        "next_rotation_time": None,
        "create_time": None,
        "update_time": None,
        "etag": '"3"',
    }


def test_a_peer_whose_connection_fails():
    health = pb.Health(
        state=pb.HEALTH_STATE_FAILING,
        since_time=MOMENT,
        reason=pb.HEALTH_REASON_PEER_REJECTED_TOKEN,
        message="versions list: HTTP 401",
        last_contact_in_time=MOMENT,
        last_contact_out_time=MOMENT,
        last_probe_time=MOMENT,
    )

    assert documents.peer(pb.Peer(name="tenants/acme/peers/kw", health=health))["health"] == {
        "state": "FAILING",
        "since": TIME,
        "reason": "PEER_REJECTED_TOKEN",
        "message": "versions list: HTTP 401",
        "last_contact_in": TIME,
        "last_contact_out": TIME,
        "last_probe": TIME,
    }


def test_a_peer_with_settings_of_its_own():
    message = pb.Peer(
        name="tenants/acme/peers/kw",
        terms=pb.InvitationTerms(parties=[PARTY], patterns=["DE/*/CPO"], versions_url="https://kw.example/versions"),
        requested_parties=[pb.Party(country_code="NL", party_id="RJS", role=pb.ROLE_CPO)],
        quirks={"token_max_len": "128", "auth_form_out": "raw"},
        auth_form_out=pb.HEADER_FORM_RAW,
        versions=["2.1.1", "2.2.1"],
        may_downgrade=True,
    )

    document = documents.peer(message)

    told = ("terms", "requested_parties", "quirks", "auth_form_out", "offered_versions", "may_downgrade")
    assert {name: document[name] for name in told} == {
        "terms": {
            "parties": ["DE/KWL/EMSP", "DE/*/CPO"],
            "any_party": False,
            "versions_url": "https://kw.example/versions",
        },
        "requested_parties": ["NL/RJS/CPO"],
        "quirks": {"auth_form_out": "raw", "token_max_len": "128"},
        "auth_form_out": "raw",
        "offered_versions": ["2.1.1", "2.2.1"],
        "may_downgrade": True,
    }


def test_a_peer_of_whom_something_is_wanted():
    detail = Any()
    detail.Pack(ErrorInfo(domain="ocpi-broker", reason="OUTCOME_UNKNOWN"))
    job = pb.Job(
        kind=pb.EXCHANGE_KIND_PUT,
        state=pb.JOB_STATE_WAITING,
        version="2.3.0",
        attempts=2,
        next_attempt_time=MOMENT,
        outcome_unknown=True,
        last_error=Status(message="no answer within 60 s", details=[detail]),
        advice="wait, or repeat the command",
        start_time=MOMENT,
        scheduled=True,
    )
    message = pb.Peer(name="tenants/acme/peers/kw", job=job, quarantined=True, next_rotation_time=MOMENT)

    document = documents.peer(message)

    assert (document["quarantined"], document["next_rotation_time"]) == (True, TIME)
    assert document["job"] == {
        "kind": "PUT",
        "state": "WAITING",
        "version": "2.3.0",
        "attempts": 2,
        "next_attempt_time": TIME,
        "outcome_unknown": True,
        "last_error": {"reason": "OUTCOME_UNKNOWN", "message": "no answer within 60 s"},
        "advice": "wait, or repeat the command",
        "start_time": TIME,
        "scheduled": True,
    }


def test_a_tenant():
    message = pb.Tenant(
        name="tenants/acme",
        versions=["2.2.1"],
        parties=[PARTY],
        endpoints=[pb.VersionedEndpoint(version="2.2.1", endpoint=ENDPOINT)],
        policy=pb.TenantPolicy(
            invitation_expiry=Duration(seconds=1_209_600),
            post_retry_window=Duration(seconds=0),
            put_retry_window=Duration(seconds=90),
            rotation_period=Duration(seconds=2_592_000),
            probe_interval=Duration(seconds=1800),
            required_modules=[pb.RequiredModule(peer_role=pb.ROLE_CPO, module="locations")],
            role_policy=pb.ROLE_POLICY_MANUAL,
            may_downgrade=True,
            strict=True,
        ),
        warnings=["OCPI 2.1.1: look here"],
        versions_url="https://acme.example/ocpi/acme/versions",
        etag='"1"',
        create_time=MOMENT,
        update_time=MOMENT,
    )

    assert documents.tenant(message) == {
        "tenant": "acme",
        "versions": ["2.2.1"],
        "parties": ["DE/KWL/EMSP"],
        "business_names": {"DE/KWL/EMSP": "Kabelwerk"},
        "public_url": None,
        "endpoints": [{"version": "2.2.1", **ENDPOINT_DOCUMENT}],
        "policy": {
            "invitation_expiry": "14d",
            "post_retry_window": "0s",
            "put_retry_window": "90s",
            "rotation_period": "30d",
            "probe_interval": "30m",
            "required_modules": ["CPO:locations"],
            "role_policy": "manual",
            "downgrade": "allowed",
            "strict": True,
        },
        "versions_url": "https://acme.example/ocpi/acme/versions",
        "warnings": ["OCPI 2.1.1: look here"],
        "etag": '"1"',
        "create_time": TIME,
        "update_time": TIME,
    }


def test_a_policy_that_leaves_everything_open_says_what_holds():
    policy = documents.tenant(pb.Tenant(name="tenants/acme"))["policy"]

    assert (policy["role_policy"], policy["downgrade"], policy["strict"]) == ("pattern", "locked", False)


def test_a_new_caller_is_its_id_and_its_key():
    message = admin.CreateCallerResponse(caller=admin.Caller(name="callers/billing"), key="k3y")

    assert documents.new_caller(message) == {"caller": "billing", "key": "k3y"}


def test_a_caller():
    message = admin.Caller(
        name="callers/billing", role=admin.CALLER_ROLE_READER, tenants=["tenants/-"], create_time=MOMENT
    )

    assert documents.caller(message) == {
        "caller": "billing",
        "role": "reader",
        "tenants": ["-"],
        "create_time": TIME,
        "revoke_time": None,
    }


@pytest.mark.parametrize("ok", [True, False])
def test_a_server_is_well_when_every_check_is(ok):
    message = admin.GetServerInfoResponse(
        checks=[admin.Check(subject="a", ok=True), admin.Check(subject="b", ok=ok, finding="found")]
    )

    document = documents.server(message)

    assert document["ok"] is ok
    assert document["checks"][1] == {"subject": "b", "ok": ok, "finding": "found"}


def test_a_state_that_this_release_does_not_know_is_its_number():
    assert documents.peer(pb.Peer(name="tenants/a/peers/b", state=99))["state"] == "99"
