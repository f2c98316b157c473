"""What can go wrong in a step, told apart by kind, with what to do about it."""

import re
from enum import StrEnum

from geppetto.errors import GeppettoError


class ErrorKind(StrEnum):
    """The kinds of failure a model, or the way to it, can have. An error event's `code` is one of these."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    UNKNOWN_MODEL = "unknown_model"
    INVALID_REQUEST = "invalid_request"
    OVERLOADED = "overloaded"
    SERVER = "server"
    NETWORK = "network"
    TIMEOUT = "timeout"
    INVALID_INPUT = "invalid_input"
    TOOL_ROUNDS = "tool_rounds"
    SETTINGS = "settings"
    SCRIPT = "script"
    INTERNAL = "internal"


_RETRYABLE = frozenset(
    {ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.SERVER, ErrorKind.NETWORK, ErrorKind.TIMEOUT}
)

_HINTS: dict[ErrorKind, str] = {
    ErrorKind.AUTH: "Check the API key of this provider: it is missing, wrong or revoked.",
    ErrorKind.QUOTA: "The account's quota is used up: check its billing, or use another profile.",
    ErrorKind.RATE_LIMIT: "Too many requests at the moment: wait, or start fewer streams at once.",
    ErrorKind.CONTEXT_LENGTH: "Shorten the conversation, or choose a model with a larger context.",
    ErrorKind.CONTENT_FILTER: "The provider refused the content: rephrase the request.",
    ErrorKind.UNKNOWN_MODEL: "Check the model's name, and that the account may use it.",
    ErrorKind.OVERLOADED: "The provider is busy: try again later.",
    ErrorKind.SERVER: "The provider failed: try again later.",
    ErrorKind.NETWORK: "Check the connection and the base URL of the provider.",
    ErrorKind.TIMEOUT: "The provider took too long: try again, or raise the timeout.",
    ErrorKind.TOOL_ROUNDS: "Raise max_tool_rounds, or find out why the model keeps calling tools.",
}


class StepError(GeppettoError):
    """A step failed in a way that is understood.

    Attributes:
        kind: what kind of failure; the error event carries it as `code`.
        retry_after: seconds to wait before another attempt, when the provider said so.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind = ErrorKind.INTERNAL,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=_HINTS.get(kind) if hint is None else hint)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        """The `code` of its error event."""
        return self.kind.value

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _RETRYABLE


class StepCancelled(GeppettoError):
    """The step was cancelled before it had a result.

    Attributes:
        text: what it had streamed until then.
    """

    def __init__(self, text: str) -> None:
        super().__init__("the step was cancelled")
        self.text = text


def error_code(error: BaseException) -> str:
    """The snake-case kind of an error: the `code` of its error event."""
    if isinstance(error, StepError):
        return error.code
    if isinstance(error, TimeoutError):
        return ErrorKind.TIMEOUT.value
    if isinstance(error, GeppettoError):
        name = type(error).__name__.removesuffix("Error")
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return ErrorKind.INTERNAL.value


def error_text(error: BaseException) -> str:
    """One line or a few for a person: what happened and, if known, what to do. Never empty."""
    message = str(error)
    if not isinstance(error, GeppettoError):
        # A bare `KeyError: 'x'` reads as "'x'" without its type, and a TimeoutError is often empty.
        name = type(error).__name__
        return f"{name}: {message}" if message else name
    if not error.hint:
        return message
    return f"{message}. {error.hint}" if message[-1:] not in ".!?:" else f"{message} {error.hint}"
