/** The console: what it prints goes to the host as log messages; formatting is Node's. */
import { callerFrames, setReasonInspector, withoutOwnFrames } from "./errors";
import { loadInspect, type Inspect } from "./lazy";
import { postLog, type LogLevel } from "./port";
import { dateNow, isArray, reflectApply, stringIncludes, stringRepeat, stringReplaceAll } from "./primordials";
import { unobtrusively } from "./promises";
import { renderTable } from "./console-table";

let colors = false;
let depth = 0;
const counts = new Map<string, number>();
const timers = new Map<string, number>();

export function useColors(on: boolean): void {
  colors = on;
}

function inspect(value: unknown, options?: object): string {
  return guarded((lib) => lib.inspect(value, { colors, ...options }));
}

/** Formatting runs getters and proxies of the script, any of which may throw. */
function guarded(render: (lib: Inspect) => string): string {
  const text = unobtrusively(() => {
    try {
      return render(loadInspect());
    } catch (error) {
      return `[a value that cannot be shown: ${describe(error)}]`;
    }
  });
  return withoutOwnFrames(text);
}

function describe(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "its inspection throws";
  }
}

setReasonInspector((reason) => guarded((lib) => lib.inspect(reason)));

function format(args: readonly unknown[]): string {
  const first = args[0];
  if (args.length === 1 && !colors && isSimple(first)) return `${first}`;
  if (typeof first !== "string" || (args.length > 1 && stringIncludes(first, "%"))) return formatFully(args);
  let text = first;
  for (let i = 1; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg !== "string" && (colors || !isSimple(arg))) return formatFully(args);
    text += ` ${arg}`;
  }
  return text;
}

/** Whether a value is shown as its string, so that inspection need not be loaded for it. */
function isSimple(value: unknown): value is number | boolean | null | undefined {
  return typeof value === "number" ? value !== 0 : typeof value === "boolean" || value == null;
}

function formatFully(args: readonly unknown[]): string {
  if (args.length === 0) return "";
  return guarded((lib) => reflectApply(lib.formatWithOptions, undefined, [{ colors }, ...args]) as string);
}

function print(level: LogLevel, text: string): void {
  if (depth > 0) {
    const indent = stringRepeat("  ", depth);
    text = indent + stringReplaceAll(text, "\n", `\n${indent}`);
  }
  postLog(level, text);
}

/** "1.234s", as Node prints a duration of so many ms. */
function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(3)}s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms % 60_000) / 1000;
  const rest = seconds.toFixed(3).padStart(6, "0");
  if (minutes < 60) return `${minutes}:${rest} (m:ss.mmm)`;
  return `${Math.floor(minutes / 60)}:${`${minutes % 60}`.padStart(2, "0")}:${rest.slice(0, 2)} (h:mm:ss)`;
}

function elapsed(label: string, method: string): string | undefined {
  const start = timers.get(label);
  if (start === undefined) {
    print("warn", `Warning: No such label '${label}' for console.${method}()`);
    return undefined;
  }
  return `${label}: ${duration(dateNow() - start)}`;
}

export const consoleObject: Console = {
  log: (...args) => print("log", format(args)),
  info: (...args) => print("info", format(args)),
  debug: (...args) => print("debug", format(args)),
  warn: (...args) => print("warn", format(args)),
  error: (...args) => print("error", format(args)),
  dir: (value, options) => print("log", inspect(value, { customInspect: false, ...options })),
  table(data, columns) {
    if (columns !== undefined && !isArray(columns)) {
      throw new TypeError("argument 'columns' must be an array of property names");
    }
    if (typeof data !== "object" || data === null) print("log", format([data]));
    else print("log", guarded((lib) => renderTable(data, columns, (value) => shortly(lib, value))));
  },
  trace(...args) {
    const text = format(args);
    const frames = callerFrames();
    print("error", `Trace${text === "" ? "" : `: ${text}`}${frames === "" ? "" : `\n${frames}`}`);
  },
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else args.unshift(args.length === 0 ? "Assertion failed" : "Assertion failed:");
    print("warn", format(args));
  },
  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    print("log", `${label}: ${count}`);
  },
  countReset(label = "default") {
    if (!counts.delete(`${label}`)) print("warn", `Warning: Count for '${label}' does not exist`);
  },
  group(...args) {
    if (args.length > 0) print("log", format(args));
    depth++;
  },
  groupCollapsed: (...args) => consoleObject.group(...args),
  groupEnd() {
    if (depth > 0) depth--;
  },
  time(label = "default") {
    if (timers.has(`${label}`)) print("warn", `Warning: Label '${label}' already exists for console.time()`);
    else timers.set(`${label}`, dateNow());
  },
  timeLog(label = "default", ...args) {
    const text = elapsed(`${label}`, "timeLog");
    if (text !== undefined) print("log", args.length === 0 ? text : format([text, ...args]));
  },
  timeEnd(label = "default") {
    const text = elapsed(`${label}`, "timeEnd");
    if (text !== undefined) print("log", text);
    timers.delete(`${label}`);
  },
};

/** How a table shows the value of a cell. */
function shortly(lib: Inspect, value: unknown): string {
  const nested = typeof value === "object" && value !== null && !isArray(value) && Object.keys(value).length > 2;
  return lib.inspect(value, { maxArrayLength: 3, breakLength: Infinity, colors, depth: nested ? -1 : 0 });
}

