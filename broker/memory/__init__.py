"""What is answered without SQL: the read model and its indexes, whom a token belongs to, what is written behind.

For exchanges, rpc and process.
"""
