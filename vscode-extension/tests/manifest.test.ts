/** What package.json says, and what the code does. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import manifest from "../package.json";

const root = join(import.meta.dirname, "..");
const source = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".gen.ts"))
  .map((name) => readFileSync(join(root, "src", name), "utf8"))
  .join("\n");
const { contributes } = manifest;
const commands = contributes.commands.map(({ command }) => command);
const settings = contributes.configuration.flatMap(({ properties }) => Object.keys(properties));
/** Read by the language client, or only passed on to the server. */
const READ_ELSEWHERE = ["geppetto.trace.server"];
/** The server's commands, which the language client registers. */
const SERVERS = ["run", "cancel", "replay", "clearOutput", "showOutput", "restartTypeScript"].map(
  (name) => `geppetto.${name}`,
);

function unique(found: Iterable<RegExpMatchArray>): string[] {
  return [...new Set([...found].map(([, name]) => name ?? ""))].sort();
}

describe("commands", () => {
  test("are those that the code registers", () => {
    const handlers = source.slice(source.indexOf("const handlers"), source.indexOf("registerCommand"));
    const registered = unique(handlers.matchAll(/^ {4}"(geppetto\.\w+)"/gm));
    expect(registered).toEqual([...commands].sort());
  });

  test("do not clash with those of the server", () => {
    expect(commands.filter((command) => SERVERS.includes(command))).toEqual([]);
  });

  test("in menus, keys, views and the walkthrough exist", () => {
    const used = unique(JSON.stringify(contributes).matchAll(/"command":"(geppetto\.\w+)"/g));
    const linked = unique(JSON.stringify(contributes).matchAll(/command:(geppetto\.\w+)\)/g));
    const known = [...commands, "geppetto.runs"];
    expect([...used, ...linked].filter((command) => !known.includes(command))).toEqual([]);
  });

  test("that the code uses exist", () => {
    const used = unique(source.matchAll(/command: "(geppetto\.\w+)"/g));
    expect(used.filter((command) => ![...commands, ...SERVERS].includes(command))).toEqual([]);
  });

  test("have a title, and an icon where they are shown as one", () => {
    const shown = [...contributes.menus["view/title"], ...contributes.menus["view/item/context"]]
      .filter(({ group }) => /^(navigation|inline)/.test(group))
      .map(({ command }) => command);
    for (const { command, title, ...rest } of contributes.commands) {
      expect(title, command).toBeTruthy();
      if (shown.includes(command)) expect("icon" in rest, command).toBe(true);
    }
  });
});

describe("settings", () => {
  test("are those that the code reads", () => {
    const sections = [...source.matchAll(/getConfiguration\("(geppetto[\w.]*)"/g)].map(
      ([, section]) => section,
    );
    expect(new Set(sections)).toEqual(new Set(["geppetto", "geppetto.run", "geppetto.inline"]));
    for (const setting of settings.filter((name) => !READ_ELSEWHERE.includes(name))) {
      const name = setting.split(".").slice(1);
      const spellings = [name.join("."), name.at(-1) ?? ""].map((spelling) => `"${spelling}"`);
      expect(
        spellings.some((spelling) => source.includes(spelling)),
        setting,
      ).toBe(true);
    }
    const read = unique(source.matchAll(/\.get(?:<[^(]*>)?\(\s*"([\w.]+)"/g));
    const names = settings.flatMap((setting) => [
      setting.split(".").slice(1).join("."),
      setting.split(".").at(-1),
    ]);
    expect(read.filter((name) => !names.includes(name))).toEqual([]);
  });

  test("are described, and have a default of their type", () => {
    for (const { properties } of contributes.configuration) {
      for (const [name, property] of Object.entries(properties)) {
        const text = "description" in property ? property.description : property.markdownDescription;
        expect(text.endsWith("."), name).toBe(true);
        const type = Array.isArray(property.default) ? "array" : typeof property.default;
        expect(property.type === "integer" ? "number" : property.type, name).toBe(type);
      }
    }
  });

  test("that start programs, or choose models, need trust", () => {
    const { restrictedConfigurations, supported } = manifest.capabilities.untrustedWorkspaces;
    expect([supported, restrictedConfigurations]).toEqual([
      "limited",
      ["geppetto.server.path", "geppetto.server.python", "geppetto.run.profile"],
    ]);
  });
});

test("the server offers snippets where they fit: here they would be offered twice", () => {
  expect("snippets" in contributes).toBe(false);
});

describe("files", () => {
  test("that are named exist", () => {
    const text = JSON.stringify(contributes);
    const named = unique(text.matchAll(/"(?:\.\/)?((?:media|syntaxes|walkthrough)\/[^"]+|[\w-]+\.json)"/g));
    expect(named.length).toBeGreaterThan(8);
    for (const path of [...named, manifest.icon]) expect(existsSync(join(root, path)), path).toBe(true);
  });

  test("pictures of the walkthrough are among what is packed", () => {
    const steps = contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps);
    const shown = steps.flatMap(({ media: { markdown } }) =>
      unique(readFileSync(join(root, markdown), "utf8").matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)),
    );
    expect(shown.length).toBeGreaterThan(1);
    for (const path of shown) expect(existsSync(join(root, "walkthrough", path)), path).toBe(true);
    expect(readFileSync(join(root, ".vscodeignore"), "utf8")).toContain("!media/**");
  });

  test("grammars include the built-in ones and are of our own languages", () => {
    const own = contributes.languages.map(({ id }) => id);
    expect(contributes.grammars.map(({ language }) => language)).toEqual(own);
    for (const { path, scopeName } of contributes.grammars) {
      const grammar = JSON.parse(readFileSync(join(root, path), "utf8"));
      expect(grammar.scopeName).toBe(scopeName);
      expect(grammar.patterns).toEqual([{ include: scopeName.endsWith("js") ? "source.js" : "source.ts" }]);
    }
  });
});

test("colours that the code uses are contributed, for every kind of theme", () => {
  const used = unique(source.matchAll(/"(geppetto\.inline(?:Text|Streaming|Error))"/g));
  expect(used).toEqual(contributes.colors.map(({ id }) => id).sort());
  for (const { defaults } of contributes.colors) {
    expect(Object.keys(defaults).sort()).toEqual(["dark", "highContrast", "highContrastLight", "light"]);
  }
});

test("nothing is sent to anybody: no telemetry, no network", () => {
  expect(source).not.toMatch(/telemetry|\bfetch\(|node:https?"|node:net"|XMLHttpRequest/i);
});

test("there is no version for the web: it needs processes", () => {
  expect("browser" in manifest).toBe(false);
  expect(manifest.extensionKind).toEqual(["workspace"]);
});
