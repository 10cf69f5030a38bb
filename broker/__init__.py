"""The credentials broker: owns tokens, parties, peers and handshakes, and serves them over gRPC."""
