"""Why a process cannot start."""


class NotReadyError(Exception):
    """It cannot start as things are. The message says what to do."""
