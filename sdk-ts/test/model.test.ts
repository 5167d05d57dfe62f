/**
 * Clients against a model node over a network that loses, delays and cuts at random: everything is
 * stored once and in order, every watch sees it without a hole, or is told. A seed repeats a run:
 * `FANFARE_SEEDS=17 npm test`, or a range of them: `FANFARE_SEEDS=1-5000`.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Client } from "../src/client.js";
import { json } from "../src/codec/json.js";
import type { FanfareError } from "../src/error.js";
import type * as wire from "../src/generated/messages.js";
import { type ModelConnection, ModelNode } from "./harness/model-node.js";
import { Observer } from "./harness/oracle.js";
import { seeds } from "./harness/random.js";
import { World } from "./harness/world.js";

const STREAM = "chat:lobby";
const STATE = "ticks:all";
const STEPS = 400;
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** What the network and the node do to a run, each with its chance per step. */
interface Faults {
  readonly cut?: number;
  /** The node ends and comes back with its data. */
  readonly restart?: number;
  /** Every topic is deleted. */
  readonly deletion?: number;
  /** The oldest publications are forgotten. */
  readonly forget?: number;
  /** A frame of a view is lost on the node's side, which the protocol does not allow. */
  readonly loseFrame?: number;
  readonly repeatFrame?: number;
  /** A publish is refused for now, for good, or with "maybe". */
  readonly refuse?: number;
  /** A publish is refused for good, though another copy of it may be taken. */
  readonly whim?: number;
}

/** What became of a call of `publish`. */
interface Call {
  readonly client: number;
  readonly topic: string;
  readonly data: string;
  version?: string;
  error?: FanfareError;
}

class Run {
  readonly world: World;
  readonly node = new ModelNode();
  readonly clients: Client[] = [];
  readonly observers: { observer: Observer; topic: string }[] = [];
  readonly calls: Call[] = [];
  readonly #faults: Faults;
  readonly #seen = new Set<unknown>();
  readonly #forbidden = new Map<unknown, boolean>();
  #isHealed = false;

  constructor(seed: number, faults: Faults) {
    this.world = new World(seed);
    this.#faults = faults;
    this.node.refusePublish = (publish) => this.#refusal(publish);
    for (let client = 0; client < 3; client++) {
      const backoff = { baseMs: 50, maxMs: 400 };
      const options = { backoff, transports: ["websocket"] } as const;
      const parts = { codec: json, platform: this.world.platform, json: async () => json };
      this.clients.push(new Client("http://node", options, parts));
    }
  }

  async storm(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      this.#act();
      await this.world.settle();
    }
  }

  /** No more faults: everything must come to rest. */
  async heal(): Promise<void> {
    this.#isHealed = true;
    for (let round = 0; round < 400; round++) {
      this.#connectAll();
      for (const connection of this.node.connections) {
        while (this.node.take(connection)) await this.world.settle();
        while (connection.arrive()) await this.world.settle();
      }
      this.node.spread();
      await this.world.advance(25);
    }
  }

  publish(topic: string): void {
    const client = this.#pick(this.clients.length);
    const data = `${client}-${this.calls.length}`;
    const call: Call = { client, topic, data };
    this.calls.push(call);
    const handle = this.clients[client]?.topic<string>(topic);
    const key = KEYS[this.#pick(KEYS.length)];
    const answer = handle?.publish(data, topic === STATE && key ? { key } : {});
    answer?.then(
      (version) => Object.assign(call, { version }),
      (error) => Object.assign(call, { error }),
    );
  }

  watch(): void {
    const client = this.#pick(this.clients.length);
    const topic = this.#pick(2) === 0 ? STREAM : STATE;
    const observer = new Observer(`watch ${this.observers.length} of ${client} on ${topic}`);
    this.observers.push({ observer, topic });
    this.clients[client]?.topic(topic).on("event", (event) => observer.see(event), { limit: 5 });
  }

  #act(): void {
    const { node, world } = this;
    const { cut = 0, restart = 0, deletion = 0, forget = 0 } = this.#faults;
    this.#connectAll();
    if (this.observers.length < 8 && this.#chance(0.1)) this.watch();
    if (this.#chance(0.4)) this.publish(this.#chance(0.5) ? STREAM : STATE);
    // Also of connections that the client gave up: what they still hold reaches the node late.
    const connection = node.connections[this.#pick(node.connections.length)];
    if (connection && this.#chance(0.8)) node.take(connection);
    if (this.#chance(0.5)) node.spread();
    for (const each of node.connections) this.#tamper(each);
    for (const each of node.connections) if (this.#chance(0.6)) each.arrive();
    if (this.#chance(cut)) node.connections[this.#pick(node.connections.length)]?.socket.drop();
    if (this.#chance(restart)) node.restart();
    if (this.#chance(deletion)) node.deleteAll();
    if (this.#chance(forget)) {
      const topic = node.topic(this.#chance(0.5) ? STREAM : STATE);
      topic.forgotten = Math.max(topic.forgotten, topic.head - this.#pick(4));
    }
    if (this.#chance(0.5)) void world.advance(this.#pick(200));
  }

  #connectAll(): void {
    for (const socket of this.world.sockets) {
      if (this.#seen.has(socket)) continue;
      this.#seen.add(socket);
      this.node.connect(socket);
    }
  }

  #tamper({ said }: ModelConnection): void {
    const { loseFrame = 0, repeatFrame = 0 } = this.#faults;
    const at = said.findIndex(({ type }) => type === "EVENT");
    const frame = said[at];
    // A snapshot is no line: what is lost of it cannot be missed by anyone.
    if (!frame || isOfSnapshot(frame.payload as wire.EventBatch)) return;
    if (this.#chance(loseFrame)) said.splice(at, 1);
    else if (this.#chance(repeatFrame)) said.splice(at, 0, frame);
  }

  #refusal(publish: wire.Publish): wire.Error | undefined {
    const { refuse = 0, whim = 0 } = this.#faults;
    if (!this.#isHealed && this.#chance(whim)) return refusal(3508, "FORBIDDEN");
    // What is forbidden once is forbidden always: it was never stored by an attempt before.
    const isNew = !publish.ifVersion && this.#chance(refuse / 3);
    const isForbidden = this.#forbidden.get(publish.data) ?? isNew;
    this.#forbidden.set(publish.data, isForbidden);
    if (isForbidden) return refusal(3508, "FORBIDDEN");
    if (this.#isHealed || !this.#chance(refuse)) return undefined;
    if (this.#chance(0.5)) return refusal(3400, "OVERLOADED");
    // P14: it may have been stored all the same.
    if (this.#chance(0.5)) this.node.topic(publish.topic).publish(publish, "maybe");
    return refusal(3001, "UNAVAILABLE");
  }

  #pick(count: number): number {
    return Math.floor(this.world.random() * count);
  }

  #chance(share: number): boolean {
    return this.world.random() < share;
  }
}

function refusal(code: number, name: string): wire.Error {
  return { code, name, message: name, class: "" };
}

function isOfSnapshot({ after, through, events }: wire.EventBatch): boolean {
  return after === through || events.some(({ type }) => type === "snapshot-end" || type === "gone");
}

/**
 * Each call was answered; what was stored is there once, under the version that was told, in the order of calls.
 * `isSure`: what failed is not there.
 */
function checkPublications({ calls, node }: Run, isSure = true): void {
  for (const call of calls)
    assert.ok(call.version ?? call.error, `${call.data} was never answered`);
  for (const topic of [STREAM, STATE]) {
    const stored = node.topic(topic).log.map(({ data }) => data);
    const isStored = ({ version, data }: Call) => version ?? (!isSure && stored.includes(data));
    const expected = calls.filter((call) => call.topic === topic && isStored(call));
    assert.deepEqual([...stored].sort(), expected.map(({ data }) => data).sort(), "once each");
    for (const client of [0, 1, 2]) {
      const own = expected.filter((call) => call.client === client).map(({ data }) => data);
      const order = stored.filter((data) => String(data).startsWith(`${client}-`));
      assert.deepEqual(order, own, "in the order of the calls");
    }
    for (const { data, version } of expected) {
      if (!version) continue;
      assert.equal(node.topic(topic).log[Number(version?.split(".")[1]) - 1]?.data, data);
    }
  }
}

function checkWatches({ observers, node }: Run): void {
  for (const { observer, topic } of observers) observer.mustAgreeWith(node.topic(topic));
}

async function run(seed: number, faults: Faults): Promise<Run> {
  const made = new Run(seed, faults);
  made.watch();
  await made.storm();
  await made.heal();
  return made;
}

describe("clients and a model node", () => {
  for (const seed of seeds(20)) {
    test(`quiet_networks_change_nothing, seed ${seed}`, async () => {
      const made = await run(seed, {});
      checkPublications(made);
      checkWatches(made);
      for (const { observer } of made.observers) assert.equal(observer.gones, 0);
    });

    test(`cuts_lose_nothing_and_double_nothing, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.08 });
      checkPublications(made);
      checkWatches(made);
    });

    test(`lost_and_repeated_frames_are_noticed, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.02, loseFrame: 0.1, repeatFrame: 0.1 });
      checkPublications(made);
      checkWatches(made);
    });

    test(`a_place_that_is_forgotten_is_told, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.08, forget: 0.05 });
      checkPublications(made);
      checkWatches(made);
    });

    test(`refusals_do_not_disturb_the_order_of_what_is_accepted, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.04, refuse: 0.2 });
      checkPublications(made);
      checkWatches(made);
    });

    test(`what_one_connection_refuses_and_another_brings_doubles_nothing, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.08, whim: 0.15 });
      checkPublications(made, false);
      checkWatches(made);
    });

    test(`restarts_lose_nothing_and_double_nothing_and_no_watch_hears_of_them, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.02, restart: 0.05 });
      checkPublications(made);
      checkWatches(made);
      for (const { observer, topic } of made.observers) {
        // A snapshot of a state that was cut off cannot be continued (W9).
        if (topic === STREAM) assert.equal(observer.gones, 0);
      }
    });

    test(`topics_that_begin_anew_are_told_to_every_watch, seed ${seed}`, async () => {
      const made = await run(seed, { cut: 0.08, deletion: 0.01 });
      checkWatches(made);
      for (const call of made.calls) assert.ok(call.version ?? call.error, "never answered");
    });
  }
});
