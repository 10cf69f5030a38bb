"""Everything that calls another platform: which URLs may be called, one limited HTTP call, what is asked, what is sent.

For exchanges; rpc and config take the URL policy alone.
"""
