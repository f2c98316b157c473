"""Reading the environment, and the `.env` file that stands in for one."""

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

from geppetto.json_value import JsonValue
from geppetto.settings.find import ENV_PREFIX, VENDOR_VARIABLES
from geppetto.settings.layers import Layer, Origin, check, fields_of
from geppetto.settings.models import StepSettings
from geppetto.settings.problems import suggestion
from geppetto.settings.text_file import read_text

PROFILE_VARIABLE = f"{ENV_PREFIX}PROFILE"


def read_environment(env: Mapping[str, str], cwd: Path) -> Layer:
    """The variables that mean a setting. An empty variable counts as unset, as everywhere."""
    return _variables_layer(
        {name: (value, Origin("environment", f"environment variable {name}")) for name, value in env.items()},
        cwd,
    )


def read_env_file(path: Path, env: Mapping[str, str]) -> Layer:
    """The same variables from a `.env` file. Other tools own that file too, so what they wrote is left alone.

    `${NAME}` means a variable of the same file. The environment stays out: the file may have come with a
    workspace of somebody else's, and must not be able to put a key of the user's into an address.
    """
    from dotenv.parser import parse_stream
    from dotenv.variables import Variable, parse_variables

    text = read_text(path)
    names = variable_names()
    known: dict[str, str] = {}
    variables: dict[str, tuple[str, Origin]] = {}
    notices: list[str] = []
    for binding in parse_stream(StringIO(text)):
        # A statement's text begins with the blank lines before it.
        original = binding.original.string
        line = binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")
        if binding.error:
            notices.append(f"{path}:{line}: this line is not NAME=value and is left out")
        elif binding.key and binding.value is not None:
            atoms = list(parse_variables(binding.value))
            value = "".join(atom.resolve(known) for atom in atoms)
            if binding.key in names:
                notices += (
                    f"{path}:{line}: ${{{name}}} is not defined in this file, and variables of the environment are"
                    " not put into it"
                    for atom in atoms
                    if isinstance(atom, Variable) and (name := atom.name) not in known and name in env
                )
            known[binding.key] = value
            variables[binding.key] = value, Origin(".env", binding.key, path=path, line=line)
    layer = _variables_layer(variables, path.parent)
    return replace(layer, notices=(*notices, *layer.notices))


def variable_names() -> dict[str, str]:
    """Every environment variable that means a setting, and the setting's dotted name. Ours before the vendors'."""
    ours = {
        f"{ENV_PREFIX}{section}_{key}".upper(): f"{section}.{key}"
        for section in StepSettings.model_fields
        for key in fields_of(section)
    }
    return ours | dict(VENDOR_VARIABLES)


def _variables_layer(variables: Mapping[str, tuple[str, Origin]], base: Path) -> Layer:
    names = variable_names()
    found: dict[str, tuple[JsonValue, Origin]] = {}
    for name, key in names.items():
        value, origin = variables.get(name, ("", None))
        if value and origin and key not in found:
            found[key] = (ollama_url(value) if name == "OLLAMA_HOST" else value), origin
    notices = [
        f"{origin}: no setting has this name{suggestion(name, [*names, PROFILE_VARIABLE])}"
        for name, (_, origin) in variables.items()
        if name.startswith(tuple(f"{ENV_PREFIX}{section}_".upper() for section in StepSettings.model_fields))
        and name not in names
    ]
    profile, profile_origin = variables.get(PROFILE_VARIABLE, ("", Origin("default")))
    return replace(
        check(found, base), profile=profile or None, profile_origin=profile_origin, notices=tuple(notices)
    )


def ollama_url(host: str) -> str:
    """OLLAMA_HOST as Ollama reads it: scheme and port may be missing, and 0.0.0.0 is where a server listens."""
    try:
        url = urlsplit(host if "://" in host else f"http://{host}")
        port = url.port or {"http": 80, "https": 443}.get(url.scheme if "://" in host else "", 11434)
    except ValueError:
        return host  # not an address; the check of the settings says so
    name = "127.0.0.1" if url.hostname in (None, "0.0.0.0", "::") else url.hostname
    return f"{url.scheme}://{f'[{name}]' if ':' in name else name}:{port}{url.path.rstrip('/')}"
