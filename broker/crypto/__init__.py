"""Keys, sealing, minting and recognising our own tokens, and files that only their owner may read.

For whoever handles secrets: memory, exchanges, rpc, process. The gateway and the store never import it.
"""
