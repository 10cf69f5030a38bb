"""A black-box checker of an OCPI platform's Receiver side: versions, version details and credentials.

It plays the other platform, registers with one invitation, and holds every answer against the specification. It builds
and reads the JSON of each version itself and shares no code with the rest of this program, so that it can find faults
in it as well as in any other platform.
"""
