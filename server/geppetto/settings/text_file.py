"""Reading a small text file that somebody else wrote."""

from pathlib import Path

from geppetto.settings.errors import Problem, SettingsError

MAX_FILE_SIZE = 1024 * 1024


def read_text(path: Path) -> str:
    """The text of a settings file, without a byte order mark; SettingsError if there is none to be had."""

    def unusable(message: str) -> SettingsError:
        return SettingsError([Problem(message, origin=str(path), path=path)])

    try:
        # Asked before opening: to open a named pipe is to wait for its writer.
        if not path.is_file():
            raise unusable(
                "is a folder, not a file" if path.is_dir() else "is not a file, or a link to nothing"
            )
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise unusable(f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_SIZE:
        raise unusable("is larger than 1 MiB: it cannot be a settings file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise unusable(f"is not UTF-8 text (line {line})") from None
