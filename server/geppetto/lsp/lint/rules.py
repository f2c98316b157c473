"""The rules: what Geppetto finds in scripts beyond TypeScript. Each has a page in `docs/rules/`."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """As the protocol numbers them."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 3
    HINT = 4


SEVERITIES: dict[str, Severity | None] = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "information": Severity.INFORMATION,
    "hint": Severity.HINT,
    "off": None,
}
"""As settings spell them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for.

    Attributes:
        code: the name users see, in diagnostics, settings and `// geppetto-ignore`.
        severity: unless the settings say otherwise.
    """

    code: str
    severity: Severity
    summary: str


IMAGE_MISSING = Rule("image-missing", Severity.ERROR, "An image file does not exist")
IMAGE_UNSUPPORTED = Rule("image-unsupported", Severity.ERROR, "An image is not PNG, JPEG, WebP or GIF")
IMAGE_TOO_LARGE = Rule("image-too-large", Severity.ERROR, "An image is larger than 20 MiB")
UNKNOWN_ROLE = Rule("unknown-role", Severity.ERROR, "A message has a role that does not exist")
UNKNOWN_EVENT = Rule("unknown-event", Severity.ERROR, "A handler waits for an event that does not exist")
UNKNOWN_MODEL = Rule("unknown-model", Severity.WARNING, "A model is not among those of its provider")
DEPRECATED_CALL = Rule(
    "deprecated-call", Severity.WARNING, "A way to run a step that startStream has replaced"
)
STREAM_NOT_CONSUMED = Rule("stream-not-consumed", Severity.WARNING, "Nobody looks at a stream")
ERROR_NOT_OBSERVED = Rule(
    "error-not-observed", Severity.INFORMATION, "A stream's handlers leave out its error"
)
FLOATING_PROMISE = Rule("floating-promise", Severity.WARNING, "Nobody waits for a promise")
EMBEDDING_IN_LOOP = Rule(
    "embedding-in-loop", Severity.INFORMATION, "Embeddings one by one where a batch would do"
)
CANCEL_MISUSE = Rule("cancel-misuse", Severity.WARNING, "A cancel that does not do what it seems to")
CODE_AFTER_DONE = Rule("code-after-done", Severity.WARNING, "Code after done(), when the run has ended")
UNSUPPORTED_IMPORT = Rule("unsupported-import", Severity.ERROR, "An import that no run can follow")
SCRIPT_NAME = Rule(
    "script-name", Severity.WARNING, "A script has a name that TypeScript takes for declarations"
)

RULES = {
    rule.code: rule
    for rule in (
        IMAGE_MISSING,
        IMAGE_UNSUPPORTED,
        IMAGE_TOO_LARGE,
        UNKNOWN_ROLE,
        UNKNOWN_EVENT,
        UNKNOWN_MODEL,
        DEPRECATED_CALL,
        STREAM_NOT_CONSUMED,
        ERROR_NOT_OBSERVED,
        FLOATING_PROMISE,
        EMBEDDING_IN_LOOP,
        CANCEL_MISUSE,
        CODE_AFTER_DONE,
        UNSUPPORTED_IMPORT,
        SCRIPT_NAME,
    )
}
