#!/usr/bin/env python3
import os
from pathlib import Path

import grpc

from ocpi_broker.v1.token_service_pb2 import GetPeerTokenRequest, PartyKey
from ocpi_broker.v1.token_service_pb2_grpc import TokenServiceStub

key = Path(os.environ["OCPI_BROKER_KEY_FILE"]).read_text().strip()
partner = PartyKey(country_code="DE", party_id="KWL")
with grpc.insecure_channel(os.environ["OCPI_BROKER_TARGET"]) as channel:
    question = GetPeerTokenRequest(parent="tenants/default", party=partner, module="cdrs")
    metadata = [("authorization", f"Bearer {key}")]
    held = TokenServiceStub(channel).GetPeerToken(question, metadata=metadata, timeout=5)
print(held.endpoint_url, held.token)  # noqa: T201
