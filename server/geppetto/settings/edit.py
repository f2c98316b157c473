"""Changing one setting in a `geppetto.toml`, and nothing else in it: comments and order stay."""

import os
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import ValidationError

from geppetto.json_value import JsonValue
from geppetto.settings.config_file import TRUST, ConfigFile, read_config
from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.find import user_file
from geppetto.settings.layers import TABLES, Origin, check, unfolded
from geppetto.settings.problems import explain
from geppetto.settings.text_file import read_text
from geppetto.settings.trust import is_folder_trusted

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tomlkit import TOMLDocument

TOP_LEVEL: tuple[str, ...] = ("profile", *sorted(TRUST))
"""The settings that stand before the first table."""


def set_value(
    path: Path, key: str, text: str | None, *, kind: Literal["workspace", "user"], profile: str | None = None
) -> JsonValue:
    """Write a setting into a file, which is made if it is not there; or take it out.

    Args:
        path: the `geppetto.toml`.
        key: its dotted name, such as `chat.model`.
        text: the value as TOML, or simply a text; None takes the setting out.
        kind: whose file it is.
        profile: set it in this profile, and not for everybody.

    Returns:
        The value as it stands in the file now.

    Raises:
        SettingsError: the file cannot be used or written; the setting or its value is not allowed.
    """
    import tomlkit

    if os.path.lexists(path):
        read_config(path, kind)  # who changes a broken file could not say what the change did
        document = tomlkit.parse(read_text(path))
    else:
        document = tomlkit.document()
    value = None if text is None else _checked(key, text, kind, Origin(kind, path=path), path.parent)
    top = key in TOP_LEVEL and profile is None
    if top:
        _put_on_top(document, key, value)
    else:
        table, name = _table_and_name(key)
        tables = table.split(".")
        _put(document, tables if profile is None else ["profiles", profile, *tables], name, value)
    _write(path, tomlkit.dumps(document))
    return value


def trust_folder(folder: Path) -> bool:
    """Adds a folder to `trusted_folders` in the user's own file; False if it is trusted already.

    Raises:
        SettingsError: the file cannot be used or written.
    """
    path = user_file()
    trusted = read_config(path, "user").trusted_folders if os.path.lexists(path) else ()
    if is_folder_trusted(folder, trusted):
        return False
    _set_trusted(path, [*trusted, Path(os.path.realpath(folder))])
    return True


def distrust_folder(folder: Path) -> bool:
    """Takes a folder out of `trusted_folders` in the user's own file; False if it is not there.

    Raises:
        SettingsError: the file cannot be used or written.
    """
    path = user_file()
    trusted = read_config(path, "user").trusted_folders if os.path.lexists(path) else ()
    left = [each for each in trusted if os.path.realpath(each) != os.path.realpath(folder)]
    if len(left) == len(trusted):
        return False
    _set_trusted(path, left)
    return True


def _set_trusted(path: Path, folders: list[Path]) -> None:
    import json

    said = json.dumps([os.fspath(each) for each in folders], ensure_ascii=False)
    set_value(path, "trusted_folders", said if folders else None, kind="user")


def _checked(key: str, text: str, kind: str, origin: Origin, base: Path) -> JsonValue:
    """The value that the text means: as TOML if that is allowed, otherwise the text itself."""
    problem: SettingsError | None = None
    for value in _readings(text):
        try:
            _check(key, value, kind, origin, base)
        except SettingsError as error:
            problem = error
        else:
            return unfolded(key, value)  # a file has lists and tables of its own
    assert problem is not None
    raise problem


def _table_and_name(key: str) -> tuple[str, str]:
    """The table that a setting stands in: a section, or a table in one, as for `lint.rules.floating-promise`."""
    table = next((table for table in TABLES if key.startswith(f"{table}.")), key.partition(".")[0])
    return table, key[len(table) + 1 :]


def _readings(text: str) -> list[JsonValue]:
    try:
        parsed = cast("dict[str, JsonValue]", tomllib.loads(f"value = {text}"))
    except tomllib.TOMLDecodeError:
        return [text]
    return [parsed["value"], text] if list(parsed) == ["value"] else [text]


def _check(key: str, value: JsonValue, kind: str, origin: Origin, base: Path) -> None:
    if key not in TOP_LEVEL:
        table, name = _table_and_name(key)
        if table in TABLES:
            key, value = table, {name: value}
        check({key: (value, origin)}, base)
        return
    if key in TRUST and kind == "workspace":
        raise SettingsError([Problem("belongs into your own file: use --user", key, str(origin))])
    try:
        ConfigFile.model_validate({key: value})
    except ValidationError as error:
        problems = [Problem(message, key, str(origin)) for _, message in explain(error, ConfigFile)]
        raise SettingsError(problems) from None


def _put_on_top(document: "TOMLDocument", key: str, value: JsonValue) -> None:
    import tomlkit

    table = cast("MutableMapping[str, object]", document)
    if value is None:
        table.pop(key, None)
    elif key in table:
        table[key] = value
    else:
        # After the first table it would belong to that table: so, before everything.
        text = tomlkit.dumps(document)
        table.clear()
        table.update(
            cast("MutableMapping[str, object]", tomlkit.parse(f"{tomlkit.dumps({key: value})}{text}"))
        )


def _put(document: "TOMLDocument", tables: list[str], name: str, value: JsonValue) -> None:
    import tomlkit

    table = cast("MutableMapping[str, object]", document)
    for depth, part in enumerate(tables):
        if part not in table:
            if value is None:
                return
            # [profiles.careful] on its own line would only repeat what [profiles.careful.chat] says.
            table[part] = tomlkit.table(is_super_table=depth < len(tables) - 1)
        table = cast("MutableMapping[str, object]", table[part])
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value


def _write(path: Path, text: str) -> None:
    """Replace the file at once: whoever reads it meanwhile sees the old one or the new one."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        descriptor, temporary = tempfile.mkstemp(prefix=".geppetto-", suffix=".toml", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            os.chmod(temporary, mode)
            os.replace(temporary, target)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as error:
        problem = Problem(f"cannot be written: {error.strerror}", origin=str(path), path=path)
        raise SettingsError([problem]) from error
