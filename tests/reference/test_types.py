"""The typings hold what the declarations of the reference pages promise, and take their programs."""

import json
import subprocess
from pathlib import Path

from geppetto.json_value import JsonObject
from geppetto.resources import tsc_path, typings_path

HERE = Path(__file__).parent


def check(folder: Path, files: list[Path], **options: bool) -> list[str]:
    """The errors of the compiler, one a line."""
    compiler: JsonObject = {
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "allowJs": True,
        "noEmit": True,
        "target": "esnext",
        "module": "esnext",
        "moduleDetection": "force",
        "lib": ["esnext"],
        "types": [],
        **options,
    }
    config = {"compilerOptions": compiler, "files": [str(typings_path()), *map(str, files)]}
    (folder / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    command = [tsc_path(), "--project", folder / "tsconfig.json", "--pretty", "false"]
    checked = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    return [f"{Path(place).name}: {text}" for place, _, text in _lines(checked.stdout)]


def _lines(output: str) -> list[tuple[str, str, str]]:
    return [line.partition(": error ") for line in output.splitlines() if ": error " in line]


def test_declarations(tmp_path: Path) -> None:
    files = sorted((HERE / "types").glob("*.ts"))
    assert len(files) == 4
    assert check(tmp_path, files) == []


def test_the_check_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ts"
    wrong.write_text("new Conversation().AddMessage('puppeteer', 'text'); console.log(document);", "utf-8")
    roles, document = check(tmp_path, [wrong])
    assert "TS2345" in roles and "TS2584" in document


def test_programs(tmp_path: Path) -> None:
    """As an editor checks plain JavaScript. What is missing is what the guide names as gone, or as the host's."""
    files = sorted((HERE / "blocks").glob("*.geppetto.js"))
    as_printed = HERE / "blocks" / "api-reference.performance-optimization-as-printed.geppetto.js"
    files.remove(as_printed)
    assert check(tmp_path, files, checkJs=True, strict=False, exactOptionalPropertyTypes=False) == [
        "api-reference.legacy-pattern.geppetto.js(19,20): TS2304: Cannot find name 'GenericStepWrapper'.",
        "api-reference.resource-management.geppetto.js(12,20): TS2304: Cannot find name 'engine'.",
    ]
    assert "implicitly has type 'any'" in check(tmp_path, [as_printed], checkJs=True)[0]
