"""What is said below an answer."""

from geppetto.events.models import EventMetadata


def beginning(text: str, most: int = 2_000) -> str:
    """The text, or its first characters and how many there are when it is longer."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


def summary(meta: EventMetadata, seconds: float) -> str:
    """Who answered, how long it took, and what it used, in a line."""
    parts = [meta.engine] if meta.engine else []
    parts.append(f"{seconds:.1f} s")
    if (usage := meta.usage) is not None:
        parts.append(f"{usage.input_tokens} + {usage.output_tokens} tokens")
        if usage.cost is not None:
            parts.append(f"${usage.cost:.4f}")
    return " · ".join(parts)
