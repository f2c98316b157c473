"""workspace/executeCommand."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import RESTART_COMMAND
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.params import as_string
from geppetto.lsp.server import GeppettoServer


def register(server: GeppettoServer) -> None:
    def execute(params: JsonObject) -> JsonValue:
        command = as_string(params.get("command"), "command")
        if command != RESTART_COMMAND:
            raise InvalidParams(f"Unknown command {command}")
        server.backend.restart()
        return None

    server.on("workspace/executeCommand", execute)
