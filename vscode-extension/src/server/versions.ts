/** Whether a server and this extension fit together. */

export interface Skew {
  /** Which of the two is older. */
  readonly older: "extension" | "server";
  readonly text: string;
}

/** What to tell the user, or undefined if they fit: same major version, and before 1.0 same minor version. */
export function skew(extension: string, server: string | undefined): Skew | undefined {
  const [mine, theirs] = [parts(extension), parts(server ?? "")];
  if (mine === undefined || theirs === undefined) return undefined;
  const differs = mine[0] !== theirs[0] || (mine[0] === 0 && mine[1] !== theirs[1]);
  if (!differs) return undefined;
  const isServerOlder = theirs[0] < mine[0] || (theirs[0] === mine[0] && theirs[1] < mine[1]);
  const remedy = isServerOlder
    ? "Update the server: pip install --upgrade geppetto, in its environment."
    : "Update the extension.";
  return {
    older: isServerOlder ? "server" : "extension",
    text: `The Geppetto server is version ${server}, this extension is ${extension}: they may not understand each other. ${remedy}`,
  };
}

function parts(version: string): [number, number] | undefined {
  const found = /^(\d+)\.(\d+)/.exec(version);
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}
