/** The server's life: found, started, started again when it ends, and stopped. */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { bundledServer } from "../bundled";
import { textIn } from "../settings";
import { Backoff } from "./backoff";
import { createClient, type LensCommands } from "./client";
import { type FoundServer, findServer } from "./find";
import { ServerProcess } from "./process";
import { activePython } from "./python";

export type ServerState = "stopped" | "starting" | "running" | "restarting" | "failed";

/** Longer than any start takes that comes to an end. Milliseconds. */
const START_PATIENCE = 90_000;

/** Why there is no server. */
export interface Failure {
  readonly message: string;
  /** The end of what it wrote to its standard error. */
  readonly stderr: string;
}

export class Server implements vscode.Disposable {
  state: ServerState = "stopped";
  found: FoundServer | undefined;
  version: string | undefined;
  failure: Failure | undefined;
  restarts = 0;

  readonly #changed = new vscode.EventEmitter<ServerState>();
  readonly onDidChangeState = this.#changed.event;
  readonly #connecting = new vscode.EventEmitter<LanguageClient>();
  /** Before a new client starts: the moment to listen to notifications. */
  readonly onConnecting = this.#connecting.event;

  readonly #backoff = new Backoff();
  #client: LanguageClient | undefined;
  #process: ServerProcess | undefined;
  /** Changes whenever what goes on is no longer wanted. */
  #life = 0;
  #starting: Promise<void> | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly lenses: LensCommands,
  ) {}

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts it, unless it is there or on its way.
   *
   * @param isPersistent it has run before, so a start that fails is tried again, later each time.
   */
  async start(isPersistent = false): Promise<void> {
    if (this.state === "running") return;
    if (this.#starting === undefined) {
      const life = ++this.#life;
      const starting = this.#start(life, isPersistent).finally(() => {
        if (this.#starting === starting) this.#starting = undefined;
      });
      this.#starting = starting;
    }
    await this.#starting;
  }

  /** The running client; starts one if there is none. Undefined if that fails: the user has been told. */
  async client(): Promise<LanguageClient | undefined> {
    await this.start();
    return this.state === "running" ? this.#client : undefined;
  }

  /** Ends what there is, and starts anew, looking for the server again. */
  async restart(): Promise<void> {
    this.#backoff.reset();
    await this.stop();
    await this.start();
  }

  /** Restarts it if another one would be found now, or if it has failed; runs go on otherwise. */
  async restartIfElsewhere(): Promise<void> {
    if (this.state === "stopped") return;
    const before = this.state === "failed" ? undefined : this.found?.command;
    try {
      if ((await this.#find(localFolder())).command === before) return;
    } catch {
      // The restart tells why there is none.
    }
    await this.restart();
  }

  async stop(): Promise<void> {
    this.#life++;
    this.#starting = undefined;
    const [client, process] = [this.#client, this.#process];
    this.#client = this.#process = undefined;
    this.#set("stopped");
    await close(client, process);
  }

  dispose(): void {
    this.#changed.dispose();
    this.#connecting.dispose();
  }

  async #start(life: number, isPersistent: boolean): Promise<void> {
    this.failure = undefined;
    this.#set("starting");
    while (this.#life === life) {
      try {
        await this.#connect(life);
        return;
      } catch (error) {
        if (this.#life !== life) return;
        const pause = isPersistent ? this.#backoff.next(Date.now()) : undefined;
        if (pause === undefined) {
          this.#fail(error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async #connect(life: number): Promise<void> {
    const folder = localFolder();
    this.found = undefined;
    this.#process = undefined;
    const found = await this.#find(folder);
    if (this.#life !== life) return;
    this.found = found;
    this.log.info(`Starting ${[found.command, ...found.args, "lsp"].join(" ")} (${found.source})`);
    const process = await ServerProcess.start(found, folder, (line) => this.log.info(`[server] ${line}`));
    if (this.#life !== life) return close(undefined, process);
    this.#process = process;
    const client = createClient(process, this.log, this.lenses);
    this.#client = client;
    this.#connecting.fire(client);
    try {
      await within(START_PATIENCE, client.start(), process.ended);
    } catch (error) {
      await close(client, process);
      throw error;
    }
    if (this.#life !== life) return close(client, process);
    this.version = client.initializeResult?.serverInfo?.version;
    this.log.info(`Connected to server ${this.version ?? "of unknown version"}, process ${process.pid}`);
    this.#set("running");
    void process.ended.then(() => this.#ended(life, process));
  }

  async #find(folder: string | undefined): Promise<FoundServer> {
    return findServer({
      setting: textIn(vscode.workspace.getConfiguration("geppetto").get("server.path")),
      folder,
      python: activePython,
      path: process.env["PATH"] ?? "",
      bundled: () => bundledServer(this.context),
    });
  }

  /** The server has gone although nobody asked it to. */
  async #ended(life: number, process: ServerProcess): Promise<void> {
    if (this.#life !== life) return;
    const client = this.#client;
    this.#client = undefined;
    this.log.warn(`The server ${process.ending}`);
    this.#set("restarting");
    await close(client, undefined);
    const pause = this.#backoff.next(Date.now());
    if (this.#life !== life) return;
    if (pause === undefined) {
      this.#fail(new Error(`The server ${process.ending}, again and again.`));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (this.#life !== life) return;
    this.restarts++;
    await this.start(true);
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const ending = this.#process?.ending;
    this.failure = {
      message: ending !== undefined && !message.includes(ending) ? `The server ${ending}.` : message,
      stderr: this.#process?.tail.last(12) ?? "",
    };
    this.log.error(`${this.failure.message}\n${message}`);
    this.#set("failed");
  }

  #set(state: ServerState): void {
    this.state = state;
    if (state !== "running") this.version = undefined;
    this.#changed.fire(state);
  }
}

/** Where relative settings count from. */
function localFolder(): string | undefined {
  return vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri.fsPath;
}

/** Ends a client and its process, whatever state they are in. */
async function close(client: LanguageClient | undefined, process: ServerProcess | undefined): Promise<void> {
  try {
    await client?.dispose();
  } catch {
    // It had not started, or its server has gone: there is nothing to close then.
  }
  await process?.end();
}

/** What a promise gives, unless the process ends before, or it takes too long. */
async function within(milliseconds: number, work: Promise<void>, ended: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    const text = `The server does not answer, after ${milliseconds / 1000} seconds.`;
    timer = setTimeout(() => reject(new Error(text)), milliseconds);
  });
  const gone = ended.then(() => Promise.reject(new Error("The server ended before it was ready.")));
  // The client's own rejection comes a little before or after that of the process: both say the same.
  work.catch(() => undefined);
  gone.catch(() => undefined);
  try {
    await Promise.race([work, gone, patience]);
  } finally {
    clearTimeout(timer);
  }
}
