"""The credentials broker: owns tokens, parties, peers and handshakes, and serves them over gRPC.

Each folder is a room with one job; docs/architecture.md has the picture. Imports go one way: cli, process, rpc,
exchanges, memory and outbound, store and crypto, contract and ocpi, core. Beside them stand small modules for all.
"""
