"""Checks that no lock file names a host: who installs chooses the registry."""

import json
import subprocess
import sys
from pathlib import Path


def resolved_entries(lock: Path) -> list[str]:
    """The packages of an npm lock file that carry a `resolved` URL."""
    packages = json.loads(lock.read_text(encoding="utf-8")).get("packages", {})
    return [name for name, entry in packages.items() if "resolved" in entry and not entry.get("link")]


def main(root: Path) -> int:
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*package-lock.json",
            "*npm-shrinkwrap.json",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = 0
    for name in listed.stdout.splitlines():
        for package in resolved_entries(root / name)[:1]:
            print(
                f"{name}: {package} has a `resolved` URL; put omit-lockfile-registry-resolved=true into .npmrc",
                file=sys.stderr,
            )
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2]))
