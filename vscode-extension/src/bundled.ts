/**
 * The server that comes with the extension: wheels, installed once into the extension's own storage.
 *
 * `server/manifest.json` and `server/wheels/` are put into the VSIX by `scripts/vsix.py`.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { activePython } from "./server/python";
import { textIn } from "./settings";

export interface ServerCommand {
  readonly command: string;
  /** Without `lsp`. */
  readonly args: readonly string[];
}

interface Manifest {
  /** Changes with whatever is in the wheels. */
  readonly id: string;
  /** Versions of Python that the wheels are for, such as 3.12. */
  readonly pythons: readonly string[];
  /** Extras of the package that the wheels suffice for. */
  readonly extras: readonly string[];
}

interface Interpreter {
  readonly path: string;
  readonly version: string;
}

const run = promisify(execFile);
const isWindows = process.platform === "win32";
/** A Python that does not even tell its version by then is none. Milliseconds. */
const PROBE_PATIENCE = 20_000;
/** An installation takes 10 to 30 seconds. Milliseconds. */
const INSTALL_PATIENCE = 10 * 60_000;
const A_WEEK = 7 * 24 * 3600_000;
/** Not what the user's environment or the workspace say: only what is installed there. */
const MODULE = ["-I", "-m", "geppetto"];
const PROBE = "import sys, venv; print('%d.%d' % sys.version_info[:2]); print(sys.executable)";

let installing: Promise<ServerCommand> | undefined;

/**
 * The bundled server, made ready if it is not; undefined if this extension carries none.
 *
 * @throws if there is one and it cannot be made ready; the message says why, and what to do.
 */
export async function bundledServer(context: vscode.ExtensionContext): Promise<ServerCommand | undefined> {
  const carried = context.asAbsolutePath("server");
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(carried, "manifest.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
  const storage = join(context.globalStorageUri.fsPath, "server");
  const home = join(storage, manifest.id);
  if (await isReady(home)) return { command: pythonIn(home), args: MODULE };
  installing ??= Promise.resolve(
    vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: "Geppetto" },
      (progress) => install(join(carried, "wheels"), manifest, storage, progress),
    ),
  ).finally(() => {
    installing = undefined;
  });
  return installing;
}

/** Whether it can be started: a Python that was updated or removed takes the environments made of it along. */
async function isReady(home: string): Promise<boolean> {
  try {
    await run(pythonIn(home), ["-I", "-c", "import geppetto"], {
      timeout: PROBE_PATIENCE,
      windowsHide: true,
    });
    return true;
  } catch {
    return false;
  }
}

/** Made aside and renamed: an installation that is interrupted, or done by two windows at once, leaves no half. */
async function install(
  wheels: string,
  manifest: Manifest,
  storage: string,
  progress: vscode.Progress<{ message?: string }>,
): Promise<ServerCommand> {
  progress.report({ message: "looking for Python" });
  const python = await findPython(manifest.pythons);
  await mkdir(storage, { recursive: true });
  await sweep(storage);
  const home = join(storage, manifest.id);
  const fresh = join(storage, `.new-${process.pid}-${Date.now()}`);
  try {
    progress.report({ message: `setting up the server, once, with Python ${python.version}` });
    await step(["-I", "-m", "venv", "--without-pip", fresh], python.path, storage);
    await step(await pipInstall(wheels, manifest.extras), pythonIn(fresh), storage);
    await run(pythonIn(fresh), [...MODULE, "--version"], { timeout: PROBE_PATIENCE, windowsHide: true });
    if (!(await isReady(home))) {
      await rm(home, { recursive: true, force: true });
      await rename(fresh, home);
    }
  } catch (error) {
    if (!(await isReady(home))) throw error; // Else another window was faster.
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  await removeOthers(storage, manifest.id);
  return { command: pythonIn(home), args: MODULE };
}

async function pipInstall(wheels: string, extras: readonly string[]): Promise<string[]> {
  const pip = (await readdir(wheels)).find((name) => name.startsWith("pip-"));
  if (pip === undefined)
    throw new Error(`This extension is incomplete: there is no pip in ${wheels}. Install it again.`);
  return [
    "-I",
    join(wheels, pip, "pip"),
    "install",
    "--no-index",
    "--no-compile", // Python does that for what is used, when it is used.
    "--no-warn-script-location",
    "--disable-pip-version-check",
    "--no-input",
    "--find-links",
    wheels,
    `geppetto[${extras.join(",")}]`,
  ];
}

/** One step of the installation; what it said is kept for who wants to know why it failed. */
async function step(args: readonly string[], python: string, storage: string): Promise<void> {
  // pip obeys PIP_… and configuration files: those are about other packages.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.toUpperCase().startsWith("PIP_")),
  );
  try {
    await run(python, args, {
      cwd: storage,
      env: { ...environment, PIP_CONFIG_FILE: isWindows ? "nul" : "/dev/null" },
      timeout: INSTALL_PATIENCE,
      killSignal: "SIGKILL",
      windowsHide: true,
    });
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout?: string; stderr?: string; killed?: boolean };
    const log = join(storage, "install.log");
    const said = `${stdout ?? ""}${stderr ?? ""}`.trim() || (error as Error).message;
    await writeFile(log, `${[python, ...args].join(" ")}\n\n${said}\n`);
    const reason = killed ? "it took more than ten minutes" : said.split(/\r?\n/).at(-1);
    throw new Error(
      `The bundled server could not be installed with ${python}: ${reason}. The whole story is in ${log}.`,
    );
  }
}

// --- Python

async function findPython(versions: readonly string[]): Promise<Interpreter> {
  const chosen = textIn(vscode.workspace.getConfiguration("geppetto").get("server.python"));
  const known = `${versions[0]} to ${versions.at(-1)}`;
  if (chosen !== "") {
    const found = await probe([chosen]);
    if (found !== undefined && versions.includes(found.version)) return found;
    const what = found === undefined ? "no Python that can make environments" : `Python ${found.version}`;
    throw new Error(
      `geppetto.server.python is ${chosen}, which is ${what}: the server needs Python ${known}.`,
    );
  }
  const others = new Set<string>();
  const active = await activePython();
  for (const candidate of [...(active === undefined ? [] : [[active]]), ...candidates(versions)]) {
    const found = await probe(candidate);
    if (found === undefined) continue;
    if (versions.includes(found.version)) return found;
    others.add(found.version);
  }
  const seen = others.size === 0 ? "there is none on PATH" : `PATH has only ${[...others].sort().join(", ")}`;
  throw new Error(
    `The server needs Python ${known}, and ${seen}. Install it from https://www.python.org/downloads, ` +
      "or say in geppetto.server.python where it is; then try again.",
  );
}

/** What may be a Python on PATH: a command and its first arguments. */
function candidates(versions: readonly string[]): string[][] {
  const newest = [...versions].reverse();
  if (isWindows) return [...newest.map((version) => ["py", `-${version}`]), ["python"], ["python3"]];
  return [...newest.map((version) => [`python${version}`]), ["python3"], ["python"]];
}

async function probe([command, ...args]: readonly string[]): Promise<Interpreter | undefined> {
  try {
    const { stdout } = await run(command ?? "", [...args, "-I", "-c", PROBE], {
      timeout: PROBE_PATIENCE,
      windowsHide: true,
    });
    const [version, path] = stdout.trim().split(/\r?\n/);
    return version !== undefined && path ? { path, version } : undefined;
  } catch {
    return undefined; // Not there, not working, or something else of that name.
  }
}

function pythonIn(environment: string): string {
  return isWindows ? join(environment, "Scripts", "python.exe") : join(environment, "bin", "python");
}

// --- what earlier installations left

/** Removes what interrupted installations left; those that still go on are younger. */
async function sweep(storage: string): Promise<void> {
  await removeOlder(storage, INSTALL_PATIENCE, (name) => name.startsWith(".new-"));
}

/** Removes the servers of earlier versions of this extension, which other windows may still use for a while. */
async function removeOthers(storage: string, id: string): Promise<void> {
  await removeOlder(storage, A_WEEK, (name) => name !== id && !name.startsWith("."));
}

async function removeOlder(storage: string, age: number, isMeant: (name: string) => boolean): Promise<void> {
  for (const name of (await readdir(storage)).filter(isMeant)) {
    const path = join(storage, name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > age) await rm(path, { recursive: true, force: true });
    } catch {
      // Another window was faster, or Windows does not let go of it: the next time, then.
    }
  }
}
