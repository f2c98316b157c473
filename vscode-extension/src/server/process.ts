/** The server's process. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { FoundServer } from "./find";
import { Tail } from "./stderr";

/** So long it has to end by itself, then again after SIGTERM. Milliseconds. */
const PATIENCE = 3_000;

export class ServerProcess {
  readonly tail = new Tail();
  readonly pid: number | undefined;
  /** How it has ended; undefined while it lives. */
  ending: string | undefined;
  readonly ended: Promise<void>;

  private constructor(
    readonly found: FoundServer,
    readonly child: ChildProcessWithoutNullStreams,
    onLine: (line: string) => void,
  ) {
    this.pid = child.pid;
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (piece: string) => this.tail.take(piece).forEach(onLine));
    // A pipe that breaks tells nothing that the end of the process does not.
    child.stdin.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.ending = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        resolve();
      });
    });
  }

  /** @throws if it cannot be started. */
  static async start(
    found: FoundServer,
    folder: string | undefined,
    onLine: (line: string) => void,
  ): Promise<ServerProcess> {
    const child = spawn(found.command, [...found.args, "lsp"], { cwd: folder, windowsHide: true });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) =>
        reject(new Error(`${found.command} cannot be started: ${error.message}`)),
      );
    });
    return new ServerProcess(found, child, onLine);
  }

  /** Ends it, kindly first. */
  async end(): Promise<void> {
    this.child.stdin.end();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (await this.#endsWithin(PATIENCE)) return;
      this.child.kill(signal);
    }
    await this.#endsWithin(PATIENCE);
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    await Promise.race([this.ended, patience]);
    clearTimeout(timer);
    return this.ending !== undefined;
  }
}
