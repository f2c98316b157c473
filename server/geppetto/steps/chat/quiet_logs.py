"""Keys are kept out of what the vendors' SDKs and their HTTP library log: on their lowest level they log headers."""

import logging
from collections.abc import Iterable

_LIBRARIES = ("openai", "anthropic", "httpx2", "httpcore2")


class _KeyFilter(logging.Filter):
    """Replaces the keys in records; lets all of them pass."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if (clean := self._clean(said)) != said:
            record.msg, record.args = clean, ()
        if record.exc_info:
            # Formatters take this text, and do not make their own.
            record.exc_text = self._clean(logging.Formatter().formatException(record.exc_info))
        return True

    def _clean(self, text: str) -> str:
        for key in self.keys:
            text = text.replace(key, "[key]")
        return text


_filter = _KeyFilter()


def hide_in_logs(keys: Iterable[str]) -> None:
    """Keep these out of the logs of the libraries that are imported by now."""
    _filter.keys.update(keys)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LIBRARIES:
            # A filter holds for what is logged to this very logger; adding it again changes nothing.
            logging.getLogger(name).addFilter(_filter)
