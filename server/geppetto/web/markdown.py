"""Markdown to HTML that a page may show, whatever a model wrote: no HTML of its own, no remote images, no scripts."""

from collections.abc import Sequence
from html import escape
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED: Final = 50_000
"""Characters of code that are coloured: a lexer takes a second for a million."""

_LANGUAGES: Final = frozenset(
    """
    asm awk bash bat c c# c++ cfg clojure cmake cpp cs csharp css csv dart diff docker dockerfile elixir elm erlang
    fish fortran fsharp go golang graphql groovy haskell hcl html http ini java javascript jinja js json json5 jsonc
    jsx julia kotlin latex lisp lua make makefile markdown matlab md nginx nix objective-c ocaml pascal patch perl
    php powershell proto protobuf ps1 py py3 pycon python python3 r rb rs ruby rust sass scala scheme scss sh shell
    sql svelte swift terraform tex toml ts tsx typescript vb vim vue xml yaml yml zig zsh
    """.split()
)
"""What is coloured. A lexer's regular expressions run in the server, so which ones is not for a model to choose."""

_CODE = "pre", "code", "div", "span", "button"
_TAGS: Final = frozenset(
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote table thead tbody tr th td strong em s a".split()
) | frozenset(_CODE)
_ATTRIBUTES: Final = {
    "a": {"href", "title", "target"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "button": {"type", "class", "data-copy"},
    **{name: {"class"} for name in ("div", "span", "code", "th", "td")},
}

_cleaner: Final = nh3.Cleaner(
    tags=set(_TAGS),
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)
_formatter = HtmlFormatter[str](nowrap=True, classprefix="tok-")


def to_html(text: str) -> str:
    """Markdown as safe HTML: what the text says of tags, scripts and handlers is shown as text."""
    return _cleaner.clean(str(_markdown.render(text)))


def _fence(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A block of code: its language, a button that copies it, and the code in colours."""
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    return (
        f'<div class="code"><div class="code-head"><span>{escape(language) or "text"}</span>'
        '<button type="button" class="copy" data-copy="">Copy</button></div>'
        f'<pre tabindex="0"><code>{_coloured(token.content, language)}</code></pre></div>\n'
    )


def _coloured(code: str, language: str) -> str:
    if language.lower() not in _LANGUAGES or len(code) > MAX_HIGHLIGHTED:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    return highlight(code, lexer, _formatter)


def _image(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A link to the image: fetching it by itself would tell its address, and what is in it, to whoever is there."""
    token = tokens[index]
    source = escape(str(token.attrs.get("src", "")))
    return f'<a href="{source}" target="_blank">{escape(token.content) or source}</a>'


def _link_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)


def _table_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="table"><table>\n'


def _cell_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Its alignment as a class: the page allows no style in its text."""
    align = str(tokens[index].attrs.pop("style", "")).removeprefix("text-align:")
    if align:
        tokens[index].attrSet("class", f"align-{align}")
    return self.renderToken(tokens, index, options, env)


def _table_close(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>\n"


_markdown: Final = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}).enable(
    ["table", "strikethrough"]
)
for _name, _rule in {
    "fence": _fence,
    "code_block": _fence,
    "image": _image,
    "link_open": _link_open,
    "table_open": _table_open,
    "table_close": _table_close,
    "th_open": _cell_open,
    "td_open": _cell_open,
}.items():
    _markdown.add_render_rule(_name, _rule)
