"""The loops that perform the decisions of core, as Receiver and as Sender: leases, jobs, commits.

For rpc, which asks for exchanges, and process, which runs the loops.
"""
