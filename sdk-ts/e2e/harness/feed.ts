/** `fanfare demo-feed` in a process of its own, for as long as a test. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export class DemoFeed {
  readonly #process: ChildProcess;

  private constructor(started: ChildProcess) {
    this.#process = started;
  }

  /** Resolves once it publishes. */
  static async start(url: string, ...args: readonly string[]): Promise<DemoFeed> {
    const binary = process.env["FANFARE_BIN"] ?? "";
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const started = spawn(binary, ["demo-feed", ...args, "--url", url], { stdio: [...stdio] });
    const feed = new DemoFeed(started);
    const ended = once(started, "exit").then(() => {
      throw new Error("the feed ended before it began");
    });
    const stdout = started.stdout;
    if (!stdout) throw new Error("the feed says nothing");
    await Promise.race([once(stdout, "data"), ended]);
    ended.catch(() => {});
    stdout.resume();
    return feed;
  }

  /** As by Ctrl-C. Resolves with its exit status. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGINT");
    const [status] = await exit;
    return status;
  }
}
