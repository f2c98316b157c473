/** Tools: functions of the script that a model may call. */
import { argumentError, encodeError } from "./errors";
import { encodeJson } from "./input";
import { post } from "./port";
import { freeze, nativeThen, NativePromise, quote, table } from "./primordials";

interface Definition {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
  readonly handler: (input: unknown) => unknown;
}

export interface ToolHandle {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const tools = table<Definition>();

export function defineTool(definition: Definition): ToolHandle {
  if (typeof definition !== "object" || definition === null) {
    throw argumentError("definition", "an object with name, description, parameters and handler", definition);
  }
  const { name, description, parameters = { type: "object", properties: {} }, handler } = definition;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw argumentError("name", "1 to 64 letters, digits, '_' or '-'", name);
  }
  if (tools[name] !== undefined) throw argumentError("name", "the name of no tool defined before", name);
  if (typeof description !== "string") throw argumentError("description", "a string", description);
  if (typeof parameters !== "object" || parameters === null) {
    throw argumentError("parameters", "a JSON schema", parameters);
  }
  if (typeof handler !== "function") throw argumentError("handler", "a function", handler);
  const schema = encodeJson("parameters", parameters);
  tools[name] = definition;
  const fields = `{"name":${quote(name)},"description":${quote(description)},"parameters":${schema}}`;
  post("tool-defined", fields);
  return freeze({ name, description, parameters });
}

/** The name of a tool given by name or by what `defineTool` returned. The host knows tools of its own too. */
export function toolName(tool: unknown): string {
  const name = typeof tool === "object" && tool !== null ? (tool as Partial<ToolHandle>).name : tool;
  if (typeof name !== "string") throw argumentError("options.tools", "an array of tools or their names", tool);
  return name;
}

/** Runs a handler for the host; what it returns, or throws, is posted as the answer. */
export function runTool(callId: number, name: string, input: unknown): void {
  const id = `${callId}`;
  const answer = new NativePromise<unknown>((resolve) => {
    const tool = tools[name];
    if (tool === undefined) throw new Error(`no tool is named '${name}'`);
    resolve((0, tool.handler)(input));
  });
  nativeThen(
    nativeThen(answer, (value) =>
      post("tool-ok", id, value === undefined ? "null" : encodeJson("result of the tool", value)),
    ),
    undefined,
    (error) => post("tool-err", id, encodeError(error)),
  );
}
