"""Moments as messages name them: to the minute, in UTC."""

from datetime import UTC, datetime


def date(microseconds: int) -> str:
    """Of so many microseconds since 1970."""
    return date_of(datetime.fromtimestamp(microseconds / 1_000_000, UTC))


def date_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
