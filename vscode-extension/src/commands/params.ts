/** Asks the user for the params of a script. */
import * as vscode from "vscode";
import type { DeclaredParam, JsonValue } from "../protocol.gen";
import { parseFree, problemWith, textOf, valueFor } from "../runs/asking";

export type Params = { readonly [name: string]: JsonValue };

/**
 * One question for each declared param, one for all of a script that declares none.
 *
 * @param last what was given the last time.
 * @returns undefined if the user does not want to run it after all.
 */
export async function askForParams(
  script: string,
  declared: readonly DeclaredParam[],
  last: Params,
): Promise<Params | undefined> {
  if (declared.length === 0) return askFreely(script, last);
  const given: { [name: string]: JsonValue } = {};
  for (const [index, param] of declared.entries()) {
    const title = `${script}: ${param.name} (${index + 1}/${declared.length})`;
    const before = last[param.name] ?? param.default;
    const answer = hasChoices(param) ? await choose(title, param, before) : await type(title, param, before);
    if (answer === undefined) return undefined;
    const value = typeof answer === "string" ? valueFor(param, answer) : answer.value;
    if (value !== undefined) given[param.name] = value;
  }
  return given;
}

function hasChoices(param: DeclaredParam): boolean {
  return param.choices.length > 0 || param.type === "boolean";
}

async function choose(
  title: string,
  param: DeclaredParam,
  before: JsonValue,
): Promise<{ value: JsonValue | undefined } | undefined> {
  const choices = param.choices.length > 0 ? param.choices : [true, false];
  const items: (vscode.QuickPickItem & { value: JsonValue | undefined })[] = choices.map((value) => ({
    label: param.type === "boolean" ? (value === true ? "yes" : "no") : textOf(value),
    description: value === param.default ? "default" : "",
    value,
  }));
  // What comes first is chosen by Enter.
  items.sort((one, other) => Number(other.value === before) - Number(one.value === before));
  if (!param.required && param.default === null) {
    const leave = { label: "(leave it out)", value: undefined };
    if (before == null) items.unshift(leave);
    else items.push(leave);
  }
  const options = { title, placeHolder: param.description || param.label, ignoreFocusOut: true };
  return vscode.window.showQuickPick(items, options);
}

async function type(title: string, param: DeclaredParam, before: JsonValue): Promise<string | undefined> {
  const optional = param.required ? "" : " Empty to leave it out.";
  return vscode.window.showInputBox({
    title,
    prompt: `${param.description || param.name} [${param.label}]${optional}`,
    value: textOf(before),
    ignoreFocusOut: true,
    validateInput: (text) => {
      const problem = problemWith(param, text);
      return problem === undefined ? undefined : `${param.name} should be ${problem}`;
    },
  });
}

async function askFreely(script: string, last: Params): Promise<Params | undefined> {
  const text = await vscode.window.showInputBox({
    title: `${script}: params`,
    prompt: 'name=text name:=json, or {"name": …}. The script declares none, so it takes any.',
    value: Object.keys(last).length === 0 ? "" : JSON.stringify(last),
    ignoreFocusOut: true,
    validateInput: (typed) => {
      try {
        parseFree(typed);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  });
  return text === undefined ? undefined : parseFree(text);
}
