/**
 * The modules of a script, as CommonJS functions the host compiled.
 *
 * Modules with a top-level await, and what they need, are evaluated before their importers, in the order of the
 * imports; everything else is evaluated when it is first required. A module is evaluated once; if it threw, every
 * later `require` throws the same error. In a cycle the importer sees the exports made so far, as in Node.
 */
import { encodeError } from "./errors";
import { post } from "./port";
import { nativeThen, NativePromise, objectKeys, table } from "./primordials";
import { geppettoAsync, track } from "./promises";

export interface Require {
  (specifier: string): unknown;
  /** What `import(specifier)` compiles to: also waits for a module with a top-level await. */
  import(specifier: string): Promise<unknown>;
}

type ModuleFunction = (
  require: Require,
  module: { exports: unknown },
  exports: unknown,
  geppettoAsync: typeof import("./promises").geppettoAsync,
) => unknown;

interface Module {
  readonly id: string;
  readonly body: ModuleFunction;
  readonly awaits: boolean;
  readonly requires: Readonly<Record<string, string>>;
  readonly module: { exports: unknown };
  state: "defined" | "running" | "evaluated" | "failed";
  error: unknown;
  /** Whether somebody asked for it; `ready` is there a little later. */
  asked: boolean;
  /** The evaluation of this module and of what it needs, once it was asked for. */
  ready: Promise<void> | undefined;
}

const modules = table<Module>();

export function define(
  id: string,
  body: ModuleFunction,
  hasTopLevelAwait: boolean,
  requires: Readonly<Record<string, string>> = {},
): void {
  modules[id] = {
    id,
    body,
    awaits: hasTopLevelAwait,
    requires,
    module: { exports: {} },
    state: "defined",
    error: undefined,
    asked: false,
    ready: undefined,
  };
}

export function defineJson(id: string, value: unknown): void {
  define(id, () => undefined, false);
  const json = modules[id]!;
  json.module.exports = value;
  json.state = "evaluated";
}

/** Evaluates the script; the outcome is posted as `main-done` or `main-failed`. */
export function runMain(id: string): void {
  nativeThen(
    evaluateAll(lookUp(id)),
    () => post("main-done"),
    (error) => post("main-failed", encodeError(error)),
  );
}

/** What must run ahead of its importers because it, or something it needs, has a top-level await. */
function needsAwait(module: Module, seen = table<boolean>()): boolean {
  const known = seen[module.id];
  if (known !== undefined) return known;
  seen[module.id] = false;
  let needs = module.awaits;
  const specifiers = objectKeys(module.requires);
  for (let i = 0; i < specifiers.length; i++) {
    const dependency = modules[module.requires[specifiers[i]!]!];
    if (dependency !== undefined && needsAwait(dependency, seen)) needs = true;
  }
  seen[module.id] = needs;
  return needs;
}

function evaluateAll(module: Module): Promise<void> {
  module.ready ??= evaluateInOrder(module);
  return module.ready;
}

/** Whether a module needs another one, over however many imports. */
function leadsTo(module: Module, target: Module, seen = table<boolean>()): boolean {
  if (module === target) return true;
  if (seen[module.id]) return false;
  seen[module.id] = true;
  const specifiers = objectKeys(module.requires);
  for (let i = 0; i < specifiers.length; i++) {
    const dependency = modules[module.requires[specifiers[i]!]!];
    if (dependency !== undefined && leadsTo(dependency, target, seen)) return true;
  }
  return false;
}

async function evaluateInOrder(module: Module): Promise<void> {
  module.asked = true;
  const specifiers = objectKeys(module.requires);
  for (let i = 0; i < specifiers.length; i++) {
    const dependency = modules[module.requires[specifiers[i]!]!];
    if (dependency === undefined || !needsAwait(dependency)) continue;
    // What is under way and needs this module too must not be waited for: it waits for this one.
    if (!dependency.asked || !leadsTo(dependency, module)) await evaluateAll(dependency);
  }
  if (module.state !== "defined") return;
  const result = start(module);
  if (!module.awaits) return;
  try {
    await result;
    module.state = "evaluated";
  } catch (error) {
    fail(module, error);
  }
}

/** Runs the body; a body without a top-level await is evaluated when this returns. */
function start(module: Module): unknown {
  module.state = "running";
  try {
    const { exports } = module.module;
    // Not as a method: the record would be the script's `this`.
    const { body } = module;
    const result = body(requireFor(module), module.module, exports, geppettoAsync);
    if (!module.awaits) module.state = "evaluated";
    return result;
  } catch (error) {
    return fail(module, error);
  }
}

function fail(module: Module, error: unknown): never {
  module.state = "failed";
  module.error = error;
  throw error;
}

function requireFor(importer: Module): Require {
  const require = (specifier: string): unknown => {
    const module = resolve(importer, specifier);
    if (module.state === "failed") throw module.error;
    if (module.state === "defined") {
      if (module.awaits) {
        throw moduleError(
          "ERR_REQUIRE_ASYNC_MODULE",
          `'${specifier}' has a top-level await: use import, or await import(), instead of require()`,
        );
      }
      start(module);
    }
    return module.module.exports;
  };
  return Object.assign(require, {
    import: (specifier: string): Promise<unknown> =>
      track(
        nativeThen(
          // `resolve` may throw, which is a rejection here.
          nativeThen(resolved, () => evaluateAll(resolve(importer, specifier))),
          () => require(specifier),
        ),
      ),
  });
}

const resolved = NativePromise.resolve();

function resolve(importer: Module, specifier: string): Module {
  const id = Object.hasOwn(importer.requires, specifier) ? importer.requires[specifier] : undefined;
  const module = id === undefined ? undefined : modules[id];
  if (module === undefined) {
    throw moduleError("MODULE_NOT_FOUND", `Cannot find module '${specifier}' imported by ${importer.id}`);
  }
  return module;
}

function lookUp(id: string): Module {
  const module = modules[id];
  if (module === undefined) throw moduleError("MODULE_NOT_FOUND", `module '${id}' was never defined`);
  return module;
}

function moduleError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
