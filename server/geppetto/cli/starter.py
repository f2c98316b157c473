"""What `geppetto init` writes."""

import json
from pathlib import Path

from geppetto.errors import GeppettoError

_SCRIPT = """\
// Run me: geppetto run {name}
// With nothing configured, the echo step answers; `geppetto doctor` tells how to reach a model.
const question{of_string} = String(params.question ?? "Tell me a story about a puppet.");

const stream = chatStep.startStream(question);
const answer = await stream.finalText(); // meanwhile, every word is shown as it comes

console.log(`${{answer.split(/\\s+/).length}} words.`);
"""

_CONFIG = """\
# Settings for the scripts in this folder and below. Everything is optional.
# `geppetto config show` tells what holds, and where it comes from.

[chat]
provider = "echo"            # or: scripted, openai, claude, ollama
# model = "..."              # the model's name, as its provider spells it
# temperature = 0.7          # 0 to 2
# max_tokens = 1000

[embeddings]
provider = "hashing"         # works offline: texts that share words are near each other

[limits]
# wall_seconds = 60          # for a whole run
# memory_bytes = "2GiB"      # of the whole process

# Another set of settings: geppetto run SCRIPT --profile careful
# [profiles.careful.chat]
# temperature = 0

# Keys belong into the environment: OPENAI_API_KEY, ANTHROPIC_API_KEY.
"""


def write_starter(
    folder: Path, *, typescript: bool = False, config: bool = False, editor: bool = False
) -> list[Path]:
    """Writes a first script, and what else was asked for; returns the files, the script first.

    Raises:
        GeppettoError: one of the files is there already, and then nothing is written, or cannot be written.
    """
    name = f"hello.geppetto.{'ts' if typescript else 'js'}"
    files = {folder / name: _SCRIPT.format(name=name, of_string=": string" if typescript else "")}
    if config:
        files[folder / "geppetto.toml"] = _CONFIG
    if editor:
        from geppetto.resources import typings_path

        files[folder / "geppetto.d.ts"] = typings_path().read_text(encoding="utf-8")
        files[folder / "jsconfig.json"] = _editor_config()
    for path in files:
        if path.exists() or path.is_symlink():
            raise GeppettoError(f"{path} exists already; nothing was written.", hint="Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise GeppettoError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    return list(files)


def _editor_config() -> str:
    options = {
        "checkJs": True,
        "strict": True,
        "noEmit": True,
        "target": "esnext",
        "module": "esnext",
        "moduleResolution": "bundler",
        "moduleDetection": "force",
        "resolveJsonModule": True,
        "lib": ["esnext"],
        "types": [],
    }
    include = ["geppetto.d.ts", "**/*.geppetto.js", "**/*.geppetto.ts"]
    return json.dumps({"compilerOptions": options, "include": include}, indent=2) + "\n"
