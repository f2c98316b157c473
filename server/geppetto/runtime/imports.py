"""What a module imports: found in its text, and resolved to files inside the workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from geppetto.runtime.script import ModuleError
from geppetto.runtime.source import Edit, utf16_length

TYPESCRIPT = (".ts", ".mts", ".cts")
JAVASCRIPT = (".js", ".mjs", ".cjs")
_TRIED = ("", *TYPESCRIPT, *JAVASCRIPT, ".geppetto.ts", ".geppetto.js", ".json")
_MODULE_SYNTAX = re.compile(r"\b(?:import|export)\b")
_DYNAMIC_IMPORT = re.compile(
    r"""Promise\.resolve\(\)\.then\(\(\) => __importStar\(require\(("[^"\n]*"|'[^'\n]*')\)\)\)"""
)
_REQUIRE = re.compile(r"\brequire\b")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


def needs_compiler(path: Path, text: str) -> bool:
    """Whether V8 cannot run a file as it stands: TypeScript, or import and export."""
    if path.suffix in TYPESCRIPT:
        return True
    if not _MODULE_SYNTAX.search(text):
        return False
    from geppetto.runtime.syntax import parse, walk

    return any(
        node.type in ("import_statement", "export_statement", "import")
        for node in walk(parse(text, "javascript"))
    )


def import_edits(compiled: str) -> list[Edit]:
    """Dynamic imports, as the compiler writes them, go to the prelude, which can await the module."""
    return [
        Edit(
            utf16_length(compiled[: match.start()]),
            utf16_length(match[0]),
            f"require.import({match[1]}).then(__importStar)",
        )
        for match in _DYNAMIC_IMPORT.finditer(compiled)
    ]


def required(compiled: str) -> list[tuple[str, int]]:
    """The specifiers that ``require`` is called with, and where."""
    if not _REQUIRE.search(compiled):
        return []
    from geppetto.runtime.syntax import parse, walk

    found: list[tuple[str, int]] = []
    for node in walk(parse(compiled, "javascript")):
        if node.type != "call_expression":
            continue
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or arguments is None or _node_text(function) != "require":
            continue
        named = arguments.named_children
        if len(named) == 1 and named[0].type == "string":
            found.append((_string_value(_node_text(named[0])), named[0].start_byte // 2))
    return found


def _node_text(node: object) -> str:
    data = getattr(node, "text", None)
    return data.decode("utf-16-le", "surrogatepass") if isinstance(data, bytes) else ""


def _string_value(literal: str) -> str:
    def meant(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2] or escape[3]
        return chr(int(code, 16)) if code else escape[4]

    # The compiler writes \u and half a character each for what is not ASCII.
    value = _ESCAPE.sub(meant, literal[1:-1])
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def resolve(specifier: str, importer: Path, root: Path) -> Path:
    """The file that a specifier means in the module that has it.

    Args:
        root: the workspace; imports may not leave it.

    Raises:
        ModuleError: there is none, it is outside the workspace, or of a kind that cannot be imported.
    """
    if not specifier.startswith(("./", "../")):
        raise ModuleError(
            f"Cannot import '{specifier}': only relative files (./ or ../) and JSON can be imported",
            hint="Scripts have no packages and no Node modules; the Geppetto API is global and needs no import.",
        )
    wanted = importer.parent / specifier
    for candidate in _candidates(wanted):
        if candidate.is_file():
            real = candidate.resolve()
            if not real.is_relative_to(root):
                raise ModuleError(
                    f"Cannot import '{specifier}': {real} is outside the workspace {root}",
                    hint="Move the file into the workspace, or make that wider: by --root, or by opening a folder further up.",
                )
            if real.suffix not in (*TYPESCRIPT, *JAVASCRIPT, ".json"):
                raise ModuleError(
                    f"Cannot import '{specifier}': only .js, .ts and .json files can be imported"
                )
            return real
    raise ModuleError(
        f"Cannot find '{specifier}' from {importer.name}",
        hint=f"Looked for {wanted} with the endings {', '.join(ending for ending in _TRIED if ending)}.",
    )


def _candidates(wanted: Path) -> Sequence[Path]:
    found = [wanted.with_name(wanted.name + ending) for ending in _TRIED]
    if wanted.suffix in JAVASCRIPT:  # TypeScript's habit: './x.js' may mean './x.ts'
        found.append(wanted.with_suffix(wanted.suffix.replace("js", "ts")))
    return [*found, *(wanted / f"index{ending}" for ending in (*TYPESCRIPT, *JAVASCRIPT))]
