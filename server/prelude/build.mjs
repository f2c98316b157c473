// Bundles the prelude into one script for a bare V8, and collects the licences of what it carries.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const runtime = join(here, "..", "geppetto", "runtime");

const common = {
  absWorkingDir: here,
  bundle: true,
  charset: "ascii",
  format: "iife",
  keepNames: false,
  // Errors that show a source line stay readable.
  lineLimit: 160,
  legalComments: "none",
  logLevel: "warning",
  mainFields: ["module", "main"],
  metafile: true,
  minifySyntax: true,
  minifyWhitespace: true,
  platform: "neutral",
  target: "esnext",
  write: false,
};

/** The pieces by name: put into the bundle at the end, since esbuild drops comments. */
const pieces = new Map();

/** Every input file of every bundle, for the licences. */
const inputs = new Set();
const remember = (result) => Object.keys(result.metafile.inputs).forEach((path) => inputs.add(path));

/** Stands for the end of a comment inside one; see src/lazy.ts. */
const COMMENT_END = "*~/";

/**
 * `lazy:NAME` is `src/lazy-pieces/NAME.ts` bundled on its own, in the comment of a function that does nothing:
 * V8 skips a comment several times faster than it scans a string, let alone code.
 */
const lazyPieces = {
  name: "lazy-pieces",
  setup(context) {
    context.onResolve({ filter: /^lazy:/ }, ({ path }) => ({ path: path.slice("lazy:".length), namespace: "lazy" }));
    context.onLoad({ filter: /.*/, namespace: "lazy" }, async ({ path: name }) => {
      const result = await build({
        ...common,
        entryPoints: [`./${join("src", "lazy-pieces", name)}`],
        globalName: "piece",
      });
      remember(result);
      const code = result.outputFiles[0].text.trim();
      if (code.includes(COMMENT_END)) throw new Error(`${name} contains ${COMMENT_END}: choose another mark`);
      const piece = `(()=>{${code}return piece})()\n//# sourceURL=geppetto:prelude/${name}`;
      pieces.set(name, piece.replaceAll("*/", COMMENT_END));
      return { contents: `export default __piece_${name};`, loader: "js" };
    });
  },
};

const result = await build({ ...common, entryPoints: ["src/main.ts"], plugins: [lazyPieces] });
remember(result);
const code = result.outputFiles[0].text
  .trim()
  .replaceAll(/\b__piece_(\w+)/g, (_, name) => `function(){/*${pieces.get(name)}*/}`);
await writeFile(join(runtime, "prelude.js"), `${code}\n//# sourceURL=geppetto:prelude\n`);

const packages = new Map();
for (const input of inputs) {
  const path = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1];
  if (path !== undefined && !packages.has(path)) {
    const { name, version, license } = JSON.parse(await readFile(join(here, path, "package.json"), "utf8"));
    const text = await readFile(join(here, path, "LICENSE"), "utf8");
    packages.set(path, `${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
}
const licences = [...packages.values()].sort().join(`\n${"-".repeat(80)}\n\n`);
await writeFile(join(runtime, "prelude.LICENSES.txt"), `The prelude carries these packages.\n\n${licences}`);

console.log(`${relative(process.cwd(), join(runtime, "prelude.js"))}: ${(code.length / 1024).toFixed(0)} KiB`);
