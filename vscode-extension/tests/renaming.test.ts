import { describe, expect, test } from "vitest";
import type * as vscode from "vscode";
import { follow, newRun, type Run, take } from "../src/runs/model";
import { isScriptFile, renaming, saving } from "../src/runs/renaming";
import { end, error, step } from "./events";

function uri(path: string, scheme = "file"): vscode.Uri {
  const text = scheme === "file" ? `file://${path}` : `${scheme}:${path}`;
  return { scheme, path, fsPath: path, toString: () => text } as vscode.Uri;
}

const relative = ({ path }: vscode.Uri): string => path.replace("/w/", "");
const renamed = (from: string, to: string) => renaming([{ oldUri: uri(from), newUri: uri(to) }], relative);
const places = (run: Run): unknown[] => run.steps.map(({ place }) => place?.file);

describe("a renaming", () => {
  test.each([
    ["of the file", "/w/a.js", "/w/b.js", "/w/b.js"],
    ["of what is named from the workspace's folder", "a.js", "/w/b.js", "b.js"],
    ["of its URI", "file:///w/a.js", "/w/b.js", "file:///w/b.js"],
    ["of another file that begins like it", "/w/a.json", "/w/b.js", "/w/a.json"],
  ])("%s", (_name, name, to, expected) => {
    expect(renamed("/w/a.js", to)(name)).toBe(expected);
  });

  test("of a folder is one of what is in it", () => {
    const rename = renamed("/w/old", "/w/new/er");
    expect(["/w/old/a.js", "file:///w/old/x/a.js", "/w/older/a.js", "/w/x/old/a.js"].map(rename)).toEqual([
      "/w/new/er/a.js",
      "file:///w/new/er/x/a.js",
      "/w/older/a.js",
      "/w/x/old/a.js",
    ]);
  });

  test("of two files that change their names", () => {
    const [a, b] = [uri("/w/a.js"), uri("/w/b.js")];
    const files = [
      { oldUri: a, newUri: b },
      { oldUri: b, newUri: a },
    ];
    const rename = renaming(files, relative);
    expect(["/w/a.js", "/w/b.js"].map(rename)).toEqual(["/w/b.js", "/w/a.js"]);
  });
});

describe("a run whose script is renamed", () => {
  const made = (): Run => {
    const run = newRun("r", { uri: "file:///w/a.geppetto.js", profile: "brief" }, 0);
    take(run, step("a", 1, 1, "/w/a.geppetto.js"), 0);
    take(run, step("b", 1, 1, "/w/lib.js"), 0);
    return run;
  };

  test("is a run of the new name, with its steps", () => {
    const run = made();
    follow(run, renamed("/w/a.geppetto.js", "/w/b.geppetto.js"));
    expect(run.origin).toEqual({ uri: "file:///w/b.geppetto.js", profile: "brief" });
    expect(places(run)).toEqual(["/w/b.geppetto.js", "/w/lib.js"]);
  });

  test("follows what the script imports", () => {
    const run = made();
    follow(run, renamed("/w/lib.js", "/w/library.js"));
    expect([run.origin.uri, ...places(run)]).toEqual([
      "file:///w/a.geppetto.js",
      "/w/a.geppetto.js",
      "/w/library.js",
    ]);
  });

  test("has its errors there, with their calls and causes", () => {
    const run = made();
    take(run, end("error", [{ ...error("bad"), cause: error("worse") }]), 0);
    follow(run, renamed("/w/a.geppetto.js", "/w/b.geppetto.js"));
    const [bad] = run.errors;
    for (const each of [bad, bad?.cause]) {
      expect(each?.place).toEqual({ file: "/w/b.geppetto.js", line: 3, column: 5 });
      expect(each?.frames.map(({ place }) => place.file)).toEqual(["/w/b.geppetto.js", "/w/b.geppetto.js"]);
    }
  });

  test("goes on to tell the name that it began with", () => {
    const run = made();
    follow(run, renamed("/w/a.geppetto.js", "/w/b.geppetto.js"));
    follow(run, renamed("/w/b.geppetto.js", "/w/c.geppetto.js"));
    take(run, step("c", 2, 1, "/w/a.geppetto.js"), 0);
    take(run, end("error", [error("bad")]), 0);
    expect(run.steps.at(-1)?.place?.file).toBe("/w/c.geppetto.js");
    expect(run.errors[0]?.place?.file).toBe("/w/c.geppetto.js");
  });
});

test("an untitled script that is saved takes its runs along", () => {
  const untitled = uri("Untitled-1", "untitled");
  const run = newRun("r", { uri: untitled.toString() }, 0);
  take(run, step("a", 1, 1, "/w/Untitled-1.geppetto.ts"), 0);
  take(run, step("b", 1, 1, "/w/lib.js"), 0);
  follow(run, saving(untitled, uri("/w/a.geppetto.ts")));
  take(run, step("c", 2, 1, "/w/Untitled-1.geppetto.ts"), 0);
  expect(run.origin.uri).toBe("file:///w/a.geppetto.ts");
  expect(places(run)).toEqual(["/w/a.geppetto.ts", "/w/lib.js", "/w/a.geppetto.ts"]);
});

test("a script without a file has one with a name like its own", () => {
  const untitled = uri("Untitled-1", "untitled");
  expect(isScriptFile("/w/Untitled-1.geppetto.ts", untitled)).toBe(true);
  expect(isScriptFile("/w/lib.js", untitled)).toBe(false);
  expect(isScriptFile("/w/a.js", uri("/w/a.js"))).toBe(true);
  expect(isScriptFile("/w/b/a.js", uri("/w/a.js"))).toBe(false);
});
