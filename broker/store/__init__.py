"""All SQL. Knows the model, but neither OCPI as spoken nor protobuf; runs unchanged on SQLite and PostgreSQL.

For memory, exchanges, rpc and process. Rows (tables) are never seen outside.
"""
