"""A scriptable OCPI platform for tests of other platforms: Receiver and Sender in every version, with faults by name.

It does not share the broker's policies: what it accepts and how its tokens live is said here once more, on purpose.
"""
