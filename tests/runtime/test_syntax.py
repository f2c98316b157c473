"""Syntax that is read by what has changed is the syntax that is read anew, unless it is wrong."""

from geppetto.runtime.syntax import Grammar, Parsed, parsed, walk
from hypothesis import given, settings
from hypothesis import strategies as st

SCRIPT = """const conversation = new Conversation();
// 🧩 a comment\u2028
async function ask(question) {
  conversation.addMessage("user", `häh? ${question} 🎈`);
  const stream = chatStep.startStream(conversation, { onError: (event) => console.error(event.error) });
  for await (const event of stream) { if (event.type === "partial") console.log(event.delta / 2) }
  return /a[/]b/g.test(stream.text)
}
await ask("x")
"""
PIECES = st.sampled_from(
    [
        "",
        "a",
        "{",
        "}",
        "(",
        ")",
        "`",
        "${",
        '"',
        "'",
        "/",
        "/*",
        "*/",
        "//",
        "\n",
        "\r\n",
        ";",
        "🧩",
        "ä",
        "=>",
        "await ",
    ]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.lists(PIECES, max_size=3)), min_size=1, max_size=8
)


def nodes(found: Parsed) -> list[tuple[str, int, int, bool]]:
    return [(node.type, node.start_byte, node.end_byte, node.is_missing) for node in walk(found.root)]


@settings(max_examples=150, deadline=None)
@given(EDITS, st.sampled_from(["javascript", "typescript"]))
def test_after_any_edits(edits: list[tuple[float, int, list[str]]], grammar: Grammar) -> None:
    text = SCRIPT
    now = parsed(text, grammar)
    for where, removed, pieces in edits:
        at = round(where * len(text))
        text = text[:at] + "".join(pieces) + text[at + removed :]
        before, kept = now, nodes(now)
        now = parsed(text, grammar, now)
        anew = parsed(text, grammar)
        assert now.root.has_error == anew.root.has_error
        if not anew.root.has_error:
            assert nodes(now) == nodes(anew)
        assert nodes(before) == kept


def test_another_grammar_starts_anew() -> None:
    script = parsed("let a: number = 1", "javascript")
    assert not parsed("let a: number = 2", "typescript", script).root.has_error
