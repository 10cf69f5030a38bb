"""Which tenant a command was taken to mean, when nobody said one: whoever has several must be able to see it."""

from contextvars import ContextVar

import typer

_tenant: ContextVar[str | None] = ContextVar("assumed tenant", default=None)


def remember(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """The callback of --tenant."""
    source = context.get_parameter_source(parameter.name) if parameter.name else None
    given = source is not None and not source.name.startswith("DEFAULT")
    _tenant.set(None if given else value)
    return value


def forget() -> None:
    """Another command begins."""
    _tenant.set(None)


def tenant() -> str | None:
    """The id of the tenant that was assumed; None if --tenant was given, or if the command has none."""
    return _tenant.get()


def in_words() -> str | None:
    """The same as a remark."""
    return f"tenant {tenant()}, as --tenant was not given" if tenant() else None
