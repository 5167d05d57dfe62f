/** Plain requests to a node, each with an end: what it answers, what it refuses, or that it is away. */

/** What a node answers takes no longer, beside the time that it was asked to wait. */
const ANSWER_MS = 10_000;

/** An error as a node tells it: `application/problem+json`. */
export interface Problem {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly parameter?: string;
}

/** What the node said, in either case. */
export type Answer<T> = { readonly value: T } | { readonly problem: Problem };

export interface Question {
  /** Below `/v1/`, each part as it is. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, unknown>>;
  /** Makes it a POST. */
  readonly body?: unknown;
  /** Milliseconds that the node may take before it answers. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export class Requests {
  /** Sent with each, once it is known. */
  token: string | undefined;
  readonly #base: string;
  readonly #open = new Set<AbortController>();

  /** `url` is the one of the WebSocket. */
  constructor(url: string) {
    this.#base = url.replace(/^ws/, "http").replace(/ws(\?.*)?$/, "");
  }

  /** Rejects when no node answers: neither with what was asked for nor with an error of its own. */
  async ask<T>({ path, query, body, waitMs = 0, signal }: Question): Promise<Answer<T>> {
    const url = new URL(this.#base + path.map(encodeURIComponent).join("/"));
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    const timer = setTimeout(giveUp, waitMs + ANSWER_MS);
    signal?.addEventListener("abort", giveUp);
    this.#open.add(abort);
    try {
      if (signal?.aborted) giveUp();
      const answer = await fetch(url, {
        // Such a body and such headers need no leave of a browser beforehand.
        headers: {
          ...(body !== undefined && { "content-type": "text/plain" }),
          ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
        },
        ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
        cache: "no-store",
        signal: abort.signal,
      });
      const said = await answer.json();
      if (answer.ok) return { value: said };
      if (typeof said?.code === "number") return { problem: said };
      throw new Error(`answered ${answer.status}`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      this.#open.delete(abort);
    }
  }

  /** Ends all that are on their way. */
  close(): void {
    for (const abort of this.#open) abort.abort();
  }
}
