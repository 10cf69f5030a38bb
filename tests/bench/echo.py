"""The yardstick: a bare grpc.aio server with one unary method and nothing around it. `python -m tests.bench.echo`"""

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from tests.bench.programs import ready, run, terminated

SERVICE = "tests.bench.Echo"
METHOD = "Say"
PATH = f"/{SERVICE}/{METHOD}"
REQUEST = StringValue(value="hello, world")


async def say(request: StringValue, _context: object) -> StringValue:
    return request


async def serve() -> None:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(say, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready(grpc=f"127.0.0.1:{port}")
    await terminated()
    await server.stop(1)


if __name__ == "__main__":
    run(serve())
