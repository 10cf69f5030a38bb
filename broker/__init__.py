"""The credentials broker: owns tokens, parties, peers and handshakes, and serves them over gRPC.

Each folder is a room with one job; docs/architecture.md has the picture. Imports go one way: cli, process, rpc,
exchanges, memory and outbound, store and crypto, contract and ocpi, core. Beside them stand small modules for all.
"""

import os

# gRPC's core reads it once, when it is imported. It writes lines of its own to standard error, where ours are JSON.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
