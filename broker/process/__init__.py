"""What is started and stopped, in order: first start, composition root, gRPC server, the embedded stack, signals.

For cli alone. not_ready, address, directions and signals load nothing else.
"""
