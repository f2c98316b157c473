// Bundles the extension into one file; `--watch` keeps on doing so.
import { build, context } from "esbuild";

const options = {
  bundle: true,
  entryPoints: ["src/extension.ts"],
  external: ["vscode"],
  format: "cjs",
  legalComments: "linked",
  logLevel: "warning",
  mainFields: ["module", "main"],
  minifySyntax: true,
  minifyWhitespace: true,
  outfile: "out/extension.js",
  platform: "node",
  sourcemap: true,
  sourcesContent: false,
  target: "node20",
};

if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
