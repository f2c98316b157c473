"""What a service said when it failed, told apart by kind. Knows the vendors' and the usual servers' words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

from geppetto.steps.chat.service import Service
from geppetto.steps.errors import ErrorKind, StepError


class LastingError(StepError):
    """A failure that another attempt would only repeat."""

    @property
    def retryable(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says: a code and a type for programs, a message for people; each may be empty."""

    code: str = ""
    type: str = ""
    message: str = ""

    @classmethod
    def of(cls, body: object) -> "Complaint":
        """Read `{"error": {"code", "type", "message"}}` and the variants of it that servers send."""
        if isinstance(body, list) and body:
            body = cast("list[object]", body)[0]
        if not isinstance(body, Mapping):
            return cls(message=_text(cast("object", body)))
        said = cast("Mapping[str, object]", body)
        inner = said.get("error")
        if isinstance(inner, Mapping):
            said = cast("Mapping[str, object]", inner)
        elif isinstance(inner, str):
            return cls(message=inner)
        details = said.get("details")
        code = said.get("code")
        if isinstance(details, Mapping):
            code = cast("Mapping[str, object]", details).get("error_code") or code
        message = said.get("message") or said.get("detail") or said.get("error_description")
        return cls(_text(code), _text(said.get("type")), _text(message))

    @property
    def words(self) -> str:
        """Everything, in lower case, to search in."""
        return f"{self.code} {self.type} {self.message}".lower()


_BY_WORDS: tuple[tuple[ErrorKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            ErrorKind.QUOTA,
            r"insufficient_quota|insufficient[ _]balance|billing_error|billing_hard_limit|exceeded your current quota"
            r"|credit balance is too low|spend_limit_reached|insufficient credits|payment required",
        ),
        (
            ErrorKind.CONTEXT_LENGTH,
            r"context_length_exceeded|context[_ ]?(?:length|window|size|limit)|maximum context|prompt is too long"
            r"|too many (?:input )?tokens|input is too long|request_too_large|exceeds? the available context"
            r"|reduce the length",
        ),
        (
            ErrorKind.CONTENT_FILTER,
            r"content_filter|content_policy|content management policy|responsibleai|data_inspection_failed"
            r"|safety system|usage policies",
        ),
        (
            ErrorKind.AUTH,
            r"invalid_api_key|api key not valid|incorrect api key|authentication_error|invalid x-api-key",
        ),
        (
            ErrorKind.UNKNOWN_MODEL,
            r"model_not_found|unknown_model|invalid model|no such model|unknown model|model_not_available"
            r"|model[: ].{0,120}?(?:not found|does not exist|not exist|not available|is not supported)"
            r"|not a valid model|(?:not_found_error|notfounderror).*\bmodel\b|\bmodel\b.*not found",
        ),
        (ErrorKind.OVERLOADED, r"overloaded_error|overloaded|server_overloaded|engine_overloaded"),
        (ErrorKind.RATE_LIMIT, r"rate_limit|rate limit|too many requests"),
    )
)

# What a status means when the words above say nothing.
_BY_STATUS: dict[int, ErrorKind] = {
    401: ErrorKind.AUTH,
    402: ErrorKind.QUOTA,
    403: ErrorKind.AUTH,
    407: ErrorKind.NETWORK,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.SERVER,
    413: ErrorKind.CONTEXT_LENGTH,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}

_TITLES: dict[ErrorKind, str] = {
    ErrorKind.AUTH: "did not accept the API key",
    ErrorKind.QUOTA: "says that the quota is used up",
    ErrorKind.RATE_LIMIT: "gets too many requests",
    ErrorKind.CONTEXT_LENGTH: "says that the conversation is too long for the model",
    ErrorKind.CONTENT_FILTER: "refused the content",
    ErrorKind.UNKNOWN_MODEL: "does not know the model",
    ErrorKind.INVALID_REQUEST: "did not accept the request",
    ErrorKind.OVERLOADED: "is overloaded",
    ErrorKind.TIMEOUT: "took too long",
    ErrorKind.NETWORK: "cannot be reached",
}


def service_failure(
    service: Service, vendor: str, model: str, status: int | None, body: object, headers: Mapping[str, str]
) -> StepError:
    """The error for an answer that is a failure.

    Args:
        status: the HTTP status; None for an error in the middle of a stream.
        body: what was answered, decoded if it was JSON.
    """
    complaint = Complaint.of(body)
    kind = _kind(status, complaint)
    title = _TITLES.get(kind, "failed")
    if kind is ErrorKind.UNKNOWN_MODEL:
        title += f" {model!r}"
    if kind is ErrorKind.AUTH and status == 403:
        title = "does not allow this"
    said = "" if _is_html(complaint.message) else service.clean(complaint.message or complaint.code)
    number = f" (HTTP {status})" if status is not None and status != 200 else ""
    hint = None
    if kind is ErrorKind.INVALID_REQUEST and status in (404, 405):
        hint = "Check the base URL of the provider: that of an OpenAI-compatible server usually ends in /v1."
    if kind is ErrorKind.AUTH and status == 403:
        hint = "Check what the API key of this provider may do, and the name of the model."
    wait = _retry_after(headers)
    message = f"{service.where(vendor)} {title}{number}" + (f": {said}" if said else "")
    if wait is not None and kind is ErrorKind.RATE_LIMIT:
        message += f" [asks to wait {wait:g} s]"
    return StepError(message, kind=kind, hint=hint, retry_after=wait)


def _kind(status: int | None, complaint: Complaint) -> ErrorKind:
    by_status = _BY_STATUS.get(status or 0)
    if status is not None and status >= 500:
        # The words of a proxy about its own trouble may contain any of ours.
        overloaded = _search(complaint.words, only=(ErrorKind.OVERLOADED,))
        return by_status or overloaded or ErrorKind.SERVER
    if status == 429:
        return _search(complaint.words, only=(ErrorKind.QUOTA,)) or ErrorKind.RATE_LIMIT
    if status in (401, 407):
        return by_status or ErrorKind.AUTH
    found = _search(complaint.words)
    if found is not None:
        return found
    if status in (None, 200):
        return ErrorKind.INVALID_REQUEST if "invalid_request" in complaint.words else ErrorKind.SERVER
    return by_status or ErrorKind.INVALID_REQUEST


def _search(words: str, only: tuple[ErrorKind, ...] | None = None) -> ErrorKind | None:
    for kind, pattern in _BY_WORDS:
        if (only is None or kind in only) and pattern.search(words):
            return kind
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait: a number, or a date."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return _finite(float(milliseconds) / 1000)
        if not (value := headers.get("retry-after")):
            return None
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return _finite(float(value))
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _finite(seconds: float) -> float | None:
    return seconds if 0 <= seconds < float("inf") else None


def _is_html(text: str) -> bool:
    return text.lstrip()[:1] == "<" and "<html" in text[:1000].lower()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)
