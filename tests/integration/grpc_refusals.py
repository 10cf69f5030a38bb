"""Refusals as a caller over gRPC meets them."""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest

Code = grpc.StatusCode


async def refused(call: Awaitable[Any]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return caught.value
