import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Backoff } from "../src/server/backoff";
import { findServer, type Places, ServerNotFound } from "../src/server/find";
import { Tail } from "../src/server/stderr";
import { skew } from "../src/server/versions";

describe("a server that ends is started again", () => {
  test("later each time, and not for ever", () => {
    const backoff = new Backoff(100, 3, 1000);
    expect([0, 1, 2, 3].map((now) => backoff.next(now))).toEqual([100, 200, 400, undefined]);
    backoff.reset();
    expect(backoff.next(4)).toBe(100);
  });
  test("at once again after a long life", () => {
    const backoff = new Backoff(100, 3, 1000);
    expect([0, 2000, 4000, 6000].map((now) => backoff.next(now))).toEqual([100, 100, 100, 100]);
  });
});

describe("versions", () => {
  test.each([
    ["0.1.0", "0.1.7", undefined],
    ["1.2.0", "1.9.0", undefined],
    ["0.2.0", "0.1.0", "server"],
    ["0.1.0", "0.2.0", "extension"],
    ["2.0.0", "1.9.0", "server"],
    ["0.1.0", undefined, undefined],
    ["0.1.0", "editable", undefined],
  ])("extension %s, server %s", (extension, server, older) => {
    expect(skew(extension, server)?.older).toBe(older);
  });
  test("say what to do", () => {
    expect(skew("0.2.0", "0.1.0")?.text).toContain("pip install --upgrade geppetto");
  });
});

describe("the end of standard error", () => {
  test("is whole lines, the last ones", () => {
    const tail = new Tail(3);
    expect(tail.take("one\ntw")).toEqual(["one"]);
    expect(tail.take("o\r\nthree\nfour\n")).toEqual(["two", "three", "four"]);
    tail.take("ImportError: five");
    expect(tail.text).toBe("two\nthree\nfour\nImportError: five");
    expect(tail.last(2)).toBe("four\nImportError: five");
  });
});

const NAME = process.platform === "win32" ? "geppetto.exe" : "geppetto";

async function program(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, NAME);
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, 0o755);
  return path;
}

describe("the server is found", () => {
  let root: string;
  const bundled = { command: "/ext/python", args: ["-m", "geppetto"] };
  const places = (given: Partial<Places> = {}): Places => ({
    setting: "",
    folder: root,
    python: async () => undefined,
    path: "",
    bundled: async () => undefined,
    ...given,
  });
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "geppetto-find-"));
  });
  afterEach(async () => rm(root, { recursive: true }));

  test("first where the setting says, then in Python's environment, on PATH, in the extension", async () => {
    const [set, python, path] = await Promise.all(["a", "b", "c"].map((name) => program(join(root, name))));
    const all = places({
      setting: set ?? "",
      python: async () => join(root, "b", "python"),
      path: [join(root, "none"), join(root, "c")].join(delimiter),
      bundled: async () => bundled,
    });
    expect(await findServer(all)).toEqual({ command: set, args: [], source: "setting" });
    expect(await findServer({ ...all, setting: "" })).toEqual({
      command: python,
      args: [],
      source: "python",
    });
    const withoutGeppetto = { ...all, setting: "", python: async () => join(root, "none", "python") };
    expect(await findServer(withoutGeppetto)).toEqual({ command: path, args: [], source: "path" });
    expect(await findServer({ ...withoutGeppetto, path: "" })).toEqual({ ...bundled, source: "bundled" });
  });

  test("a relative setting counts from the workspace", async () => {
    const path = await program(join(root, "bin"));
    expect((await findServer(places({ setting: `bin/${NAME}` }))).command).toBe(path);
  });

  test("nothing else is taken if the setting is wrong", async () => {
    const wrong = places({ setting: "/no/such/geppetto", bundled: async () => bundled });
    await expect(findServer(wrong)).rejects.toThrow("there is no program /no/such/geppetto");
  });

  test("relative folders on PATH are not looked at: the workspace could be one", async () => {
    await expect(findServer(places({ path: "." }))).rejects.toThrow(ServerNotFound);
  });

  test("if there is none, it is said what to do", async () => {
    await expect(findServer(places())).rejects.toThrow("pip install geppetto");
  });
});
