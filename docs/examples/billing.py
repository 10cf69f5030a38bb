#!/usr/bin/env python3
import os

from ocpi_broker import client
from ocpi_broker.v1.token_service_pb2 import GetPeerTokenRequest, PartyKey
from ocpi_broker.v1.token_service_pb2_grpc import TokenServiceStub

partner = PartyKey(country_code="DE", party_id="KWL")
with client.connect(os.environ["OCPI_BROKER_TARGET"], key_file=os.environ["OCPI_BROKER_KEY_FILE"]) as channel:
    question = GetPeerTokenRequest(parent="tenants/default", party=partner, module="cdrs")
    held = TokenServiceStub(channel).GetPeerToken(question, timeout=5)
print(held.endpoint_url, held.token)  # noqa: T201
