/** Where the server is: the setting, the environment of the Python extension, PATH, the extension itself. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import type { ServerCommand } from "../bundled";

export type Source = "setting" | "python" | "path" | "bundled";

export interface FoundServer extends ServerCommand {
  readonly source: Source;
}

/** What is asked, in this order. */
export interface Places {
  /** `geppetto.server.path`, empty if it is not set. */
  readonly setting: string;
  /** Against which a relative setting is resolved. */
  readonly folder: string | undefined;
  /** The Python interpreter of the Python extension; undefined if there is none, or if it is not trusted. */
  python(): Promise<string | undefined>;
  readonly path: string;
  bundled(): Promise<ServerCommand | undefined>;
}

export class ServerNotFound extends Error {}

const NAMES = process.platform === "win32" ? ["geppetto.exe"] : ["geppetto"];

/** @throws ServerNotFound, or what a bundled server throws that cannot be made ready. */
export async function findServer(places: Places): Promise<FoundServer> {
  if (places.setting !== "") return fromSetting(places);
  const python = await places.python();
  if (python !== undefined) {
    const command = await firstOf(NAMES.map((name) => join(dirname(python), name)));
    if (command !== undefined) return { command, args: [], source: "python" };
  }
  const folders = places.path.split(delimiter).filter(isAbsolute);
  const command = await firstOf(folders.flatMap((folder) => NAMES.map((name) => join(folder, name))));
  if (command !== undefined) return { command, args: [], source: "path" };
  const bundled = await places.bundled();
  if (bundled !== undefined) return { ...bundled, source: "bundled" };
  const where = python === undefined ? "" : `, not beside ${python}`;
  throw new ServerNotFound(
    `There is no geppetto on PATH${where}, and this extension carries none. ` +
      "Install it with pip install geppetto, or say in geppetto.server.path where it is.",
  );
}

async function fromSetting({ setting, folder }: Places): Promise<FoundServer> {
  const path = setting.replace(/^~(?=[/\\])/, process.env["HOME"] ?? process.env["USERPROFILE"] ?? "~");
  if (!isAbsolute(path) && folder === undefined) {
    throw new ServerNotFound(`geppetto.server.path is ${setting}: without a folder it should be absolute.`);
  }
  const command = isAbsolute(path) ? path : join(folder ?? "", path);
  if (!(await isExecutable(command))) {
    throw new ServerNotFound(`geppetto.server.path is ${setting}, and there is no program ${command}.`);
  }
  return { command, args: [], source: "setting" };
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
