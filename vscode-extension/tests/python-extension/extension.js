// Of the Python extension's API (https://github.com/microsoft/vscode-python/wiki/Python-Environment-APIs) what
// others ask for: which environment is chosen, whether it is a good one, and that it has changed. Here the setting
// alone chooses.
const { access } = require("node:fs/promises");
const vscode = require("vscode");

/** @typedef {import("@vscode/python-extension").PythonExtension["environments"]} Environments */
/** @typedef {import("@vscode/python-extension").ActiveEnvironmentPathChangeEvent} Change */

const SETTING = "python.defaultInterpreterPath";

/** @returns {{ environments: Pick<Environments, "getActiveEnvironmentPath" | "resolveEnvironment" | "onDidChangeActiveEnvironmentPath"> }} */
function activate(/** @type {vscode.ExtensionContext} */ context) {
  /** @type {vscode.EventEmitter<Change>} */
  const changed = new vscode.EventEmitter();
  const chosen = () => {
    const path = vscode.workspace.getConfiguration().get(SETTING, "") || "python";
    return { id: path, path };
  };
  context.subscriptions.push(
    changed,
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (!change.affectsConfiguration(SETTING)) return;
      changed.fire({ ...chosen(), resource: vscode.workspace.workspaceFolders?.[0] });
    }),
  );
  return {
    environments: {
      getActiveEnvironmentPath: chosen,
      async resolveEnvironment(environment) {
        const path = typeof environment === "string" ? environment : environment.path;
        try {
          await access(path);
        } catch {
          return undefined;
        }
        return {
          id: path,
          path,
          executable: { uri: vscode.Uri.file(path), bitness: "64-bit", sysPrefix: "" },
          environment: undefined,
          version: undefined,
          tools: [],
        };
      },
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
}

module.exports = { activate };
