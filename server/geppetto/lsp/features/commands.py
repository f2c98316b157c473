"""workspace/executeCommand."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import RESTART_COMMAND
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.params import as_list, as_string
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer


def register(server: GeppettoServer) -> None:
    def execute(params: JsonObject) -> Answer:
        name = as_string(params.get("command"), "command")
        command = server.commands.get(name)
        if command is None:
            raise InvalidParams(f"Unknown command {name}")
        return command(as_list(params.get("arguments") or [], "arguments"))

    def restart(arguments: list[JsonValue]) -> JsonValue:
        server.backend.restart()
        return None

    server.commands[RESTART_COMMAND] = restart
    server.on("workspace/executeCommand", execute)
