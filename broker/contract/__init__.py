"""Protobuf <-> model, in both directions in this one package.

Reading checks every field and collects what is wrong with each (InvalidArgumentError with field paths); writing cannot
fail. Messages do not travel past here, nor past a servicer.

For rpc, cli and the gateway.
"""
