import { add, counter, inc, later } from "./lib/exports.mjs"; import * as all from "./lib/exports.mjs"; import def from "./lib/exports.mjs"; import data from "./lib/data.json" with { type: "json" };
console.log(add(1, 2), counter, (inc(), counter), Object.keys(all).sort().join(), await def(), await later(), data.k);
const dyn = await import("./lib/exports.mjs"); console.log(dyn.add === add, typeof dyn.default); export const x = 1; console.log(typeof this);
