"""PURE: what is true of OCPI connections, and every decision about them.

Nothing but the standard library and broker.errors is imported here; every room may import it.
"""
