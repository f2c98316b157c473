"""The HTML of the page and of its parts. Everything that is not HTML already is escaped by the templates."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from geppetto.conversation.answer import ToolPart
from geppetto.web.turns import Turn, TurnTree

if TYPE_CHECKING:
    from geppetto.web.store import Summary


@dataclass(frozen=True, slots=True)
class Versions:
    """The place of a turn among the versions of it: `at` of `count`, from 1, and its neighbours' ids."""

    at: int
    count: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Group:
    """Conversations of about the same age."""

    name: str
    conversations: list["Summary"]


class Views:
    """Makes HTML; the templates are read once."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("geppetto.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["pretty"] = _pretty

    def page(self, name: str, **values: object) -> str:
        """A whole page, or a part that a template of its own describes."""
        return self._templates.get_template(name).render(**values)

    def thread(self, tree: TurnTree, blocks: dict[str, list[str]]) -> str:
        """All turns of the thread on show. `blocks` has the HTML of the answers' blocks, by turn."""
        return "".join(self.turn(turn, tree, blocks.get(turn.id, [])) for turn in tree.thread())

    def turn(self, turn: Turn, tree: TurnTree, blocks: list[str]) -> str:
        """A question or an answer."""
        siblings = [each.id for each in tree.siblings(turn)]
        at = siblings.index(turn.id)
        versions = Versions(
            at + 1, len(siblings), siblings[at - 1] if at else "", (siblings[at + 1 :] or [""])[0]
        )
        return self.page(
            "turn.html",
            turn=turn,
            versions=versions,
            blocks=[Markup(html) for html in blocks],
            footer=self.footer,
        )

    def footer(self, turn: Turn) -> Markup:
        """What stands below an answer that is over: how it ended, what it cost, what can be done with it."""
        return Markup(self.page("footer.html", turn=turn))

    def tool(self, part: ToolPart, *, over: bool) -> str:
        """A call of a tool, folded; `over` when its answer is, and there will be no result any more."""
        return self.page("tool.html", part=part, over=over)

    def conversations(self, summaries: Sequence["Summary"], current: str) -> str:
        """The list of conversations, by age."""
        return self.page("conversations.html", groups=_by_age(summaries), current=current)


def _by_age(summaries: Sequence["Summary"]) -> list[Group]:
    now = time.localtime()
    midnight = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))
    day = 86400
    limits = [("Today", midnight), ("Yesterday", midnight - day), ("Last 7 days", midnight - 7 * day)]
    groups: list[Group] = []
    for summary in summaries:
        name = next((name for name, start in limits if summary.updated >= start), "Older")
        if not groups or groups[-1].name != name:
            groups.append(Group(name, []))
        groups[-1].conversations.append(summary)
    return groups


def _pretty(value: object) -> str:
    """JSON for people; text as it is, unless it is JSON itself."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
