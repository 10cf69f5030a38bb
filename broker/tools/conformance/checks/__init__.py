"""Every check, in the order of one connection's life."""

from broker.tools.conformance.checks import (
    answers,
    callbacks,
    ending,
    invitation,
    objections,
    registration,
    unusable,
    update,
)
from broker.tools.conformance.checks.registry import Check

CHECKS: tuple[Check, ...] = (
    *invitation.stage,
    *objections.stage,
    *unusable.stage,
    *registration.stage,
    *update.stage,
    *ending.stage,
    *answers.stage,
    *callbacks.stage,
)
