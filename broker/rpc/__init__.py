"""gRPC in: servicers that read, ask and answer, and the guard around every one of them."""
