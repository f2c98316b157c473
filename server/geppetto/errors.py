"""The root of every error that Geppetto shows to a user."""


class GeppettoError(Exception):
    """An error for a person to read: the message says what happened and where.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
