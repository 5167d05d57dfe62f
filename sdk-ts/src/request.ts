/**
 * Requests and their answers: an id for each, and no more of them unanswered than the node takes.
 * What does not fit waits in line; it is the caller's part to bound that line.
 */

import type { Effects } from "./effect.js";
import type { Envelope, RequestType } from "./envelope.js";
import type { Payloads } from "./generated/messages.js";

/** What the node takes unless CONNECTED says otherwise. */
const IN_FLIGHT_MAX = 64;

interface Request<Purpose> {
  readonly envelope: Envelope<RequestType>;
  readonly purpose: Purpose;
}

/** `Purpose` says what to do with the answer, by the type of the request; it comes back with it. */
export class Requests<Purpose extends { readonly of: RequestType }> {
  #lastId = 0;
  #inFlightMax = IN_FLIGHT_MAX;
  readonly #inFlight = new Map<number, Purpose>();
  #waiting: Request<Purpose>[] = [];

  /** Whether a request would be sent at once. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#inFlight.size < this.#inFlightMax;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  /** The node said how many it takes. */
  limitTo(inFlightMax: number): void {
    this.#inFlightMax = inFlightMax;
  }

  send<T extends RequestType>(
    type: T,
    payload: Payloads[T],
    rest: Omit<Extract<Purpose, { readonly of: T }>, "of">,
    out: Effects,
  ): void {
    const envelope = { type, id: ++this.#lastId, payload } as Envelope<RequestType>;
    this.#waiting.push({ envelope, purpose: { of: type, ...rest } as unknown as Purpose });
    this.#flush(out);
  }

  /** What the request was for; nothing when it was not ours or had its answer. */
  answered(id: number, out: Effects): Purpose | undefined {
    const purpose = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    this.#flush(out);
    return purpose;
  }

  /** The connection is gone: what had no answer, in the order of asking. */
  lost(): readonly Purpose[] {
    const purposes = [...this.#inFlight.values(), ...this.#waiting.map(({ purpose }) => purpose)];
    this.#inFlight.clear();
    this.#waiting = [];
    this.#inFlightMax = IN_FLIGHT_MAX;
    return purposes;
  }

  #flush(out: Effects): void {
    while (this.#inFlight.size < this.#inFlightMax) {
      const request = this.#waiting.shift();
      if (!request) return;
      this.#inFlight.set(request.envelope.id ?? 0, request.purpose);
      out.push({ do: "send", envelope: request.envelope });
    }
  }
}
