"""What any gateway costs: Starlette on uvicorn, and per request one bare gRPC call. `python -m tests.bench.hop ECHO`"""

import sys

import grpc
import uvicorn
from google.protobuf.wrappers_pb2 import StringValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from tests.bench.echo import PATH, REQUEST
from tests.bench.programs import ready, run
from tests.serving import listener


async def serve(echo: str) -> None:
    """Until SIGTERM, which is uvicorn's to handle."""
    async with grpc.aio.insecure_channel(echo) as channel:
        say = channel.unary_unary(
            PATH, request_serializer=StringValue.SerializeToString, response_deserializer=StringValue.FromString
        )

        async def answer(_request: Request) -> JSONResponse:
            said = await say(REQUEST, timeout=10)
            return JSONResponse({"said": said.value})

        router = Router([Route("/", answer)])
        config = uvicorn.Config(router, lifespan="off", log_config=None, access_log=False, ws="none")
        sock = listener()
        sock.listen(2048)
        ready(http=f"127.0.0.1:{sock.getsockname()[1]}")
        await uvicorn.Server(config).serve(sockets=[sock])


if __name__ == "__main__":
    run(serve(sys.argv[1]))
