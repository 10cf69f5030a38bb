"""gRPC in: servicers that read, ask and answer, the guard around every one of them, and who may call what.

For process, which serves them, and nobody else.
"""
