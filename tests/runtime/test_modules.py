"""Scripts with imports and TypeScript: what runs, what is refused, and where errors are said to be."""

from pathlib import Path

import pytest

from tests.runtime.conftest import RunScript


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


async def test_typescript_with_imports(run_script: RunScript, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "lib/greet.ts": "export type Name = string;\nexport const greet = (name: Name): string => `hi ${name}`;\n",
            "lib/index.ts": "export * from './greet';\nexport default class Box<T> { constructor(readonly value: T) {} }\n",
            "data.json": '{"name": "json"}',
            "plain.js": "module.exports = { seven: 7 };\n",
            "slow.ts": "export const late: number = await new Promise(r => setTimeout(() => r(5), 5));\n",
        },
    )
    ran = await run_script(
        """
        import Box, { greet, type Name } from "./lib";
        import data from "./data.json";
        import { seven } from "./plain";
        import { late } from "./slow.ts";
        enum Color { Red, Green }
        const name: Name = data.name;
        console.log(greet(name), new Box<number>(Color.Green).value, seven, late);
        const again = await import("./slow");
        console.log(again.late satisfies number);
        """,
        name="main.geppetto.ts",
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["hi json 1 7 5", "5"]


@pytest.mark.parametrize("name", ["main.js", "main.geppetto.ts"])
async def test_await_using_is_an_await(run_script: RunScript, name: str) -> None:
    ran = await run_script(
        'const opened = { async [Symbol.asyncDispose]() { console.log("closed"); } };\n'
        'await using thing = opened;\nconsole.log("open", thing === opened);\n',
        name=name,
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["open true", "closed"]


async def test_an_error_in_typescript_is_at_its_place(run_script: RunScript, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "deep.ts": "interface A {\n  x: number;\n}\n\nexport async function deep(a: A | null): Promise<void> {\n  await null;\n  console.log(a!.x);\n}\n"
        },
    )
    ran = await run_script(
        "import { deep } from './deep';\ntype T = number;\nawait deep(null);\n", name="main.geppetto.ts"
    )
    error = ran.outcome.errors[0]
    assert error.place is not None
    assert (Path(error.place.file).name, error.place.line, error.place.column) == ("deep.ts", 7, 18)
    assert error.frames[0].function == "deep"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('import { nope } from "./lib";\nnope();', "nope is not a function"),
        ('import { nope } from "./lib";\nnew nope();', "nope is not a constructor"),
        ('import lib from "./lib";\nlib();', "the default export is not a function"),
        ('import * as lib from "./lib";\nlib.nope();', "lib.nope is not a function"),
        ("const lib_1 = { x: 1 };\nlib_1.x();", "lib_1.x is not a function"),
    ],
)
async def test_what_is_imported_is_called_by_its_name(
    run_script: RunScript, tmp_path: Path, code: str, message: str
) -> None:
    write(tmp_path, {"lib.ts": "export const x = 1;\nexport default x;\n"})
    ran = await run_script(code)
    assert [error.message for error in ran.outcome.errors] == [message]


async def test_stacks_that_a_script_prints_show_its_own_places(run_script: RunScript) -> None:
    ran = await run_script(
        "type T = 1;\n\nconst f = async () => { console.log(new Error('x').stack) };\nawait f();\n",
        name="m.geppetto.ts",
    )
    assert "m.geppetto.ts:3:37" in ran.lines[1]


async def test_modules_are_evaluated_once_and_cycles_end(run_script: RunScript, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.js": "import { b } from './b.js'; console.log('a'); export const a = 1; export const sum = () => a + b;",
            "b.js": "import { a } from './a.js'; console.log('b'); export const b = 2; export const seen = () => a;",
        },
    )
    ran = await run_script(
        "import { sum } from './a.js';\nimport { seen } from './b.js';\nconsole.log(sum(), seen());"
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["b", "a", "3 1"]


async def test_an_unsaved_text_runs_in_place_of_its_file(tmp_path: Path) -> None:
    from geppetto.runtime.engine import RuntimeEngine
    from geppetto.runtime.script import Script

    write(tmp_path, {"x.js": "export const x = 1", "main.js": "throw new Error('the saved text')"})
    shown: list[object] = []
    async with RuntimeEngine(root=tmp_path, output=shown.append) as engine:
        outcome = await engine.run(Script(tmp_path / "main.js", "import { x } from './x';\nconsole.log(x)"))
    assert outcome.kind == "ok", outcome.errors
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("script", "files", "message", "place"),
    [
        pytest.param("const a = 1;\nconst x = ;", {}, "SyntaxError: Unexpected token ';'", (2, 11), id="syntax"),
        pytest.param("function f() {\n", {}, "Unexpected end of input", (2, 1), id="not closed"),
        pytest.param("import { a } from './no';\n", {}, "Cannot find './no'", (1, 19), id="missing import"),
        pytest.param("\nimport fs from 'fs';\nfs.x()", {}, "only relative files", (2, 16), id="package"),
        pytest.param("import x from '../out.js';\nx", {}, "Cannot find '../out.js'", (1, 15), id="outside, missing"),
        pytest.param("import x from '../outside.js';\nx", {"../outside.js": "export default 1"}, "outside the workspace", (1, 15), id="outside"),
        pytest.param("import x from './data.json';\nx", {"data.json": "{"}, "data.json is not valid JSON", (1, 15), id="bad json"),
        pytest.param("import x from './bin.js';\nx", {"bin.js": b"\x7fELF\xff\x00"}, "bin.js is not a text file", (1, 15), id="binary import"),
        pytest.param("import { a } from './bad';\na", {"bad.ts": "export const a: = 1"}, "Type expected", (1, 17), id="bad typescript"),
    ],
)  # fmt: skip
async def test_what_cannot_be_loaded_says_what_and_where(
    run_script: RunScript,
    tmp_path: Path,
    script: str,
    files: dict[str, str | bytes],
    message: str,
    place: tuple[int, int],
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write(inside, files)
    ran = await run_script(script, name="inside/main.geppetto.js", root=inside)
    assert ran.outcome.kind == "error"
    assert message in ran.text
    error = ran.outcome.errors[0]
    assert error.place is not None and error.code_frame is not None, ran.text
    assert (error.place.line, error.place.column) == place, ran.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "is not a text file: byte 0x89 at offset 0"),
        (b"let a = 1;\x00", "zero byte"),
    ],
)
async def test_what_is_not_a_script_is_refused(
    run_script: RunScript, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "main.geppetto.js").write_bytes(content)
    ran = await run_script(None)
    assert ran.outcome.kind == "error"
    assert message in ran.text


async def test_a_folder_and_a_missing_file_are_told_apart(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "folder.js").mkdir()
    assert "is a folder" in (await run_script(None, name="folder.js")).text
    assert "does not exist" in (await run_script(None, name="nowhere.js")).text


async def test_a_link_out_of_the_workspace_is_refused(run_script: RunScript, tmp_path: Path) -> None:
    write(tmp_path, {"secret.js": "export default 1", "inside/x": ""})
    (tmp_path / "inside" / "link.js").symlink_to(tmp_path / "secret.js")
    ran = await run_script("import x from './link.js'; x", name="inside/main.js", root=tmp_path / "inside")
    assert "outside the workspace" in ran.text


async def test_first_lines_of_every_kind(run_script: RunScript) -> None:
    for text in ("#!/usr/bin/env geppetto\nconsole.log(1)", "\ufeffconsole.log(1)", "\r\nconsole.log(1)\r\n"):
        ran = await run_script(text)
        assert ran.lines == ["1"], ran.text
    ran = await run_script("#!/usr/bin/env geppetto\nnull.x")
    assert ran.outcome.errors[0].place is not None and ran.outcome.errors[0].place.line == 2


async def test_paths_with_odd_characters(run_script: RunScript) -> None:
    ran = await run_script("const f = () => { null.x }\nf()", name="a b#c%20é😀 (1).geppetto.js")
    place = ran.outcome.errors[0].place
    assert place is not None and place.file.endswith("a b#c%20é😀 (1).geppetto.js")
    assert (place.line, place.column) == (1, 24)


async def test_a_damaged_cache_is_compiled_again(
    run_script: RunScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import geppetto.resources

    monkeypatch.setattr(geppetto.resources, "cache_dir", lambda: tmp_path / "cache")
    text = "const x: number = 1;\nconsole.log(x)"
    assert (await run_script(text, name="m.ts")).lines == ["1"]
    cached = list((tmp_path / "cache" / "compiled").iterdir())
    assert len(cached) == 1
    cached[0].write_bytes(b"{broken")
    assert (await run_script(text, name="m.ts")).lines == ["1"]


async def test_names_of_modules_may_have_any_letters(run_script: RunScript, tmp_path: Path) -> None:
    write(tmp_path, {"größe.ts": "export const a: number = 1;", "木偶 🎭.js": "export const b = 2;"})
    ran = await run_script(
        """
        import { a } from "./größe";
        const { b } = await import("./木偶 🎭.js");
        console.log(a, b);
        """,
        name="main.geppetto.ts",
    )
    assert ran.lines == ["1 2"], ran.text


async def test_a_missing_module_with_any_letters_is_named_as_it_is_written(run_script: RunScript) -> None:
    ran = await run_script('\nimport "./größe";\n')
    assert "Cannot find './größe'" in ran.text
    assert (place := ran.outcome.errors[0].place) is not None
    assert (place.line, place.column) == (2, 8)
