/** The installation of the bundled server, with a Python that is played. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExtensionContext } from "vscode";
import { bundledServer } from "../src/bundled";

const settings = vi.hoisted(() => ({ python: "" }));

vi.mock("vscode", () => ({
  ProgressLocation: { Notification: 15 },
  window: {
    withProgress: (_: unknown, work: (progress: unknown) => unknown) => work({ report: () => undefined }),
  },
  workspace: { isTrusted: false, getConfiguration: () => ({ get: () => settings.python }) },
}));

let folder: string;
let storage: string;
let context: ExtensionContext;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "geppetto-bundled-"));
  storage = join(folder, "storage", "server");
  settings.python = "";
  context = {
    asAbsolutePath: (path: string) => join(folder, "extension", path),
    globalStorageUri: { fsPath: join(folder, "storage") },
  } as unknown as ExtensionContext;
  const server = join(folder, "extension", "server");
  await mkdir(join(server, "wheels"), { recursive: true });
  await writeFile(join(server, "wheels", "pip-1.0-py3-none-any.whl"), "");
  const manifest = { id: "1.0-abc", pythons: ["3.11", "3.12"], extras: ["openai"] };
  await writeFile(join(server, "manifest.json"), JSON.stringify(manifest));
  await mkdir(join(folder, "bin"));
  vi.stubEnv("PATH", join(folder, "bin"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A `python3` that can make environments of itself, and install: or fails to, with these last words. */
async function playPython(version: string, lastWords = ""): Promise<void> {
  const script = `#!/bin/sh
case "$*" in
  *"import sys, venv"*) echo ${version}; echo "$0" ;;
  *"-m venv"*) for to; do :; done; /bin/mkdir -p "$to/bin"; /bin/cp "$0" "$to/bin/python" ;;
  *install*) [ -z "${lastWords}" ] || { echo "${lastWords}" >&2; exit 1; } ;;
esac
`;
  const path = join(folder, "bin", "python3");
  await writeFile(path, script);
  await chmod(path, 0o755);
}

describe.skipIf(process.platform === "win32")("the bundled server", () => {
  it("is not there in an extension that carries none", async () => {
    await rm(join(folder, "extension", "server", "manifest.json"));
    expect(await bundledServer(context)).toBeUndefined();
  });

  it("is installed once", async () => {
    await playPython("3.12");
    const command = join(storage, "1.0-abc", "bin", "python");
    expect(await bundledServer(context)).toEqual({ command, args: ["-I", "-m", "geppetto"] });
    await rm(join(folder, "bin", "python3"));
    expect((await bundledServer(context))?.command).toBe(command);
    expect(await readdir(storage)).toEqual(["1.0-abc"]);
  });

  it("leaves nothing half made, tells why, and is installed the next time", async () => {
    await playPython("3.12", "ERROR: the disk is full");
    await expect(bundledServer(context)).rejects.toThrow(
      /could not be installed.*the disk is full.*install\.log/,
    );
    expect(await readdir(storage)).toEqual(["install.log"]);
    expect(await readFile(join(storage, "install.log"), "utf8")).toContain(
      "pip-1.0-py3-none-any.whl/pip install",
    );
    await playPython("3.12");
    expect(await bundledServer(context)).toBeDefined();
  });

  it("is installed by two windows at the same time", async () => {
    await playPython("3.11");
    vi.resetModules();
    const other = await import("../src/bundled");
    const both = await Promise.all([bundledServer(context), other.bundledServer(context)]);
    expect(both[0]).toEqual(both[1]);
    expect(await readdir(storage)).toEqual(["1.0-abc"]);
  });

  it("says what it needs if there is no Python", async () => {
    await expect(bundledServer(context)).rejects.toThrow(
      /needs Python 3\.11 to 3\.12, and there is none on PATH.*python\.org.*geppetto\.server\.python/,
    );
  });

  it("says what there is if no Python fits", async () => {
    await playPython("3.9");
    await expect(bundledServer(context)).rejects.toThrow("PATH has only 3.9");
    settings.python = join(folder, "bin", "python3");
    await expect(bundledServer(context)).rejects.toThrow(
      /geppetto\.server\.python is .*, which is Python 3\.9/,
    );
  });
});
