"""The gateway: OCPI REST of external peers in front, RPCs of the broker behind. No policy, no database, no key.

For cli and process. Of the broker it imports contract, ocpi, core and the small modules for all.
"""
