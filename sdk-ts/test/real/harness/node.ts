/** A real node in a process of its own, started from the binary that `FANFARE_BIN` names. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class RealNode {
  readonly port: number;
  readonly #directory = mkdtempSync(join(tmpdir(), "fanfare-test-"));
  readonly #data = join(this.#directory, "data");
  readonly #configuration = join(this.#directory, "fanfare.toml");
  /** Also when the tests are interrupted, nothing is left. */
  readonly #atExit = () => {
    this.#process?.kill("SIGKILL");
    this.#remove();
  };
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    process.once("exit", this.#atExit);
  }

  /** Resolves once it takes requests. `configuration` is the text of a file; without one it has the defaults. */
  static async start(configuration?: string): Promise<RealNode> {
    const node = new RealNode(await freePort());
    if (configuration !== undefined) writeFileSync(node.#configuration, configuration);
    await node.start();
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Again on the same port and the same data, after `stop` or `kill`. */
  async start(): Promise<void> {
    await this.#start().catch(async (error) => {
      await this.dispose();
      throw error;
    });
  }

  /** Forgets everything, between `stop` or `kill` and `start`. */
  loseData(): void {
    rmSync(this.#data, { recursive: true });
  }

  async #start(): Promise<void> {
    const binary = process.env["FANFARE_BIN"];
    if (!binary) {
      throw new Error("name the binary to test in FANFARE_BIN, such as ../target/debug/fanfare");
    }
    const listen = `127.0.0.1:${this.port}`;
    const args = ["serve", "--listen", listen, "--data-dir", this.#data];
    if (existsSync(this.#configuration)) args.push("--config", this.#configuration);
    const started = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = started;
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      started[name].setEncoding("utf8").on("data", (part: string) => {
        said[name] += part;
      });
    }
    const ended = once(started, "exit").then(() => {
      throw new Error(`the node ended before it was ready:\n${said.stderr}`);
    });
    // It prints the URLs to open once they can be opened.
    while (!said.stdout.includes(this.url))
      await Promise.race([once(started.stdout, "data"), ended]);
    ended.catch(() => {});
    const answer = await fetch(`${this.url}/readyz`);
    if (!answer.ok) throw new Error(`/readyz answered ${answer.status}`);
  }

  /** As an admin does. Resolves with the exit status. */
  async stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  /** Without a word. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** For good, and its data with it. */
  async dispose(): Promise<void> {
    await this.kill();
    process.off("exit", this.#atExit);
    this.#remove();
  }

  #remove(): void {
    // A process that was killed just now may still be making files.
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const ending = this.#process;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return null;
    const exit = once(ending, "exit");
    ending.kill(signal);
    const [status] = await exit;
    return status;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || !address) throw new Error("no port is free");
  return address.port;
}
