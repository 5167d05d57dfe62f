/** `protocol/conformance`, read by both codecs: what the two ends agree on, byte by byte. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseDuration } from "../src/codec/duration.js";
import { json } from "../src/codec/json.js";
import { protobuf } from "../src/codec/protobuf.js";
import type { Envelope } from "../src/envelope.js";

interface Example {
  readonly name: string;
  readonly meaning: string;
  /** Hexadecimal, with the length of E7. */
  readonly protobuf: string;
  readonly json: string;
}

interface Reading {
  readonly name: string;
  readonly meaning: string;
  readonly encoding: "json" | "protobuf";
  readonly input: string;
  readonly json: string;
}

interface Refusal {
  readonly name: string;
  readonly encoding: "json" | "protobuf";
  readonly input: string;
  readonly code: string;
}

function text(file: string): string {
  return readFileSync(new URL(`../../protocol/conformance/${file}`, import.meta.url), "utf8");
}

function read<T>(file: string): readonly T[] {
  return JSON.parse(text(file));
}

function fromHex(hex: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(hex, "hex")).buffer;
}

function toHex(messages: Iterable<string | Uint8Array>): string {
  return Buffer.concat([...messages].map((message) => Buffer.from(message))).toString("hex");
}

/** In memory their bytes say `contentType`, which the JSON of events leaves out (E10). */
const ONLY_NODES_WRITE = new Set<Envelope["type"]>(["EVENT", "HISTORY_PAGE"]);

/** What only those need who did not ask for it themselves: it is not worth its bytes in every page. */
const HAS_UNREAD = /"stale":true/;

describe("messages in both encodings", () => {
  for (const example of read<Example>("messages.json")) {
    /** E7, E8, E10, E11. */
    test(example.name, () => {
      const envelopes = protobuf.decode(fromHex(example.protobuf));
      const expected = json.decode(example.json);
      if (HAS_UNREAD.test(example.json)) {
        // E5: skipped where it is not known, and neither in the way of what is read nor written again.
        return assertContains(expected, envelopes);
      }
      assert.deepEqual(envelopes, expected);
      assert.equal(toHex(protobuf.encode(envelopes)), example.protobuf);
      if (ONLY_NODES_WRITE.has(envelopes[0]?.type ?? "EVENT")) return;
      // E11: a missing payload is an empty one.
      const written = { payload: {}, ...JSON.parse(example.json) };
      assert.deepEqual(JSON.parse([...json.encode(envelopes)].join("")), written);
    });
  }
});

/**
 * What JSON requests may look like is for nodes to read; this side writes one form of them. What a node
 * always writes (E11) is not looked for: a frame without it is garbage here, and costs a reconnect.
 */
const ONLY_NODES_READ = /"type":"(SUBSCRIBE|UPDATE_VIEW|PUBLISH|GRANT)"|"view":0/;

describe("what readers put up with", () => {
  for (const reading of read<Reading>("readings.json")) {
    if (reading.encoding === "json" && ONLY_NODES_READ.test(reading.json)) continue;
    /** E5, E8, E10, E12. */
    test(reading.name, () => {
      const decoded: readonly Envelope[] =
        reading.encoding === "json"
          ? json.decode(reading.input)
          : protobuf.decode(fromHex(reading.input));
      assertContains(decoded, json.decode(reading.json));
    });
  }
});

describe("what no reader takes", () => {
  for (const { name, encoding, input, code } of read<Refusal>("refusals.json")) {
    const decode = () => {
      return encoding === "json" ? json.decode(input) : protobuf.decode(fromHex(input));
    };
    /** E7, E9, L6: an error or a value, at once. */
    test(`${encoding}: ${name}`, () => {
      if (code === "MALFORMED" && IS_BEYOND_READING.test(name)) assert.throws(decode, Error);
      else assert.doesNotThrow(() => decodeOrRefuse(decode));
    });
  }
});

/** Whether requests make sense is for nodes to judge; that a frame ends where it says, for all. */
const IS_BEYOND_READING =
  /^(no json|cut off.*|more than one.*|.*length.*|text|.*cut off|.*group.*)$/;

function decodeOrRefuse(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

describe("values", () => {
  const { versions, durations } = JSON.parse(text("values.json"));

  for (const { text: resourceVersion } of versions.good) {
    /** V1. */
    test(`version ${resourceVersion}`, () => {
      const envelope: Envelope = { type: "PUBLISHED", id: 1, payload: { resourceVersion } };
      const [bytes] = protobuf.encode([envelope]) as Iterable<Uint8Array<ArrayBuffer>>;
      assert.deepEqual(protobuf.decode(bytes?.buffer), [envelope]);
    });
  }

  for (const { text: duration, ms } of durations.good) {
    /** W4. */
    test(`duration ${duration}`, () => assert.equal(parseDuration(duration), ms));
  }

  for (const duration of durations.bad) {
    /** W4. */
    test(`no duration: ${duration}`, () =>
      assert.throws(() => parseDuration(duration), RangeError));
  }
});

/** Members that this version does not know may be there or not: nobody looks at them. */
function assertContains(actual: unknown, expected: unknown): void {
  if (typeof expected !== "object" || expected === null) {
    assert.deepEqual(actual, expected);
    return;
  }
  assert.ok(typeof actual === "object" && actual !== null);
  for (const [name, value] of Object.entries(expected)) {
    assertContains((actual as Record<string, unknown>)[name], value);
  }
}
