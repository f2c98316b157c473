"""What can be wrong with Python code of the user's own."""

from geppetto.errors import GeppettoError


class PluginError(GeppettoError):
    """A step or tool in Python cannot be used; the message says where, the hint what to do.

    Attributes:
        file: the file that is wrong, if it is one of the user's Python files.
        line: where in it, from 1.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, file: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line

    @property
    def code(self) -> str:
        """The `code` of an error event."""
        return "plugin"
