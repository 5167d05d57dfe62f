import assert from "node:assert/strict";
import { test } from "node:test";
import { localError } from "../../../src/error.js";
import type { ConnectionState } from "../../../src/index.js";
import { connectionLabel } from "../model/connection.js";

const error = localError("DISCONNECTED", "the connection was lost", "retry");
const waiting: ConnectionState = { status: "waiting", attempt: 1, retryInMs: 3_000, error };

function label(state: ConnectionState, now = 0, isOnline = true, waitingCount = 0): string {
  const { text, countdown } = connectionLabel({ state, since: 0, isOnline, waitingCount }, now);
  return `${text} ${countdown}`.trim();
}

test("each_state_has_its_words", () => {
  assert.equal(label({ status: "connected", connectionId: "c", nodeId: "n" }), "Connected");
  assert.equal(label({ status: "connecting", attempt: 0 }), "Connecting");
  assert.equal(label({ status: "connecting", attempt: 2 }), "Reconnecting");
  assert.equal(label({ status: "failed", error }), "Disconnected");
});

test("the_wait_counts_down", () => {
  assert.equal(label(waiting, 0), "Reconnecting in 3 s");
  assert.equal(label(waiting, 2_100), "Reconnecting in 1 s");
  assert.equal(label(waiting, 3_000), "Reconnecting");
});

test("without_a_network_there_is_nothing_to_count_down_to", () => {
  assert.equal(label(waiting, 0, false), "Offline");
});

test("it_is_said_how_many_messages_wait", () => {
  const consequence = (waitingCount: number) => {
    return connectionLabel({ state: waiting, since: 0, isOnline: true, waitingCount }, 0)
      .consequence;
  };
  assert.match(consequence(0), /go on writing/);
  assert.equal(consequence(1), "1 message waits to be sent.");
  assert.equal(consequence(2), "2 messages wait to be sent.");
});
