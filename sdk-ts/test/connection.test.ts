/** When there is a socket and when the next one is opened: rules S8 to S11 and X3. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backoffMs } from "../src/backoff.js";
import { Connection } from "../src/connection.js";
import type { Effects } from "../src/effect.js";
import { type FanfareError, fromCode, localError } from "../src/error.js";
import { Code } from "../src/generated/codes.js";

const BACKOFF = { baseMs: 100, maxMs: 1_000 };
const WELCOME = { connectionId: "c-1", nodeId: "1" };
const CUT = localError("DISCONNECTED", "cut", "retry");

/** Chance is always in the middle. */
function connection(canRefresh = false): Connection {
  return new Connection({ backoff: BACKOFF, canRefresh, random: () => 0.5 });
}

/** Open since 0. */
function open(canRefresh = false, expiresAt?: number): Connection {
  const opened = connection(canRefresh);
  opened.open(0, []);
  opened.connected(0, { ...WELCOME, ...(expiresAt && { expiresAt }) }, []);
  return opened;
}

function lose(from: Connection, now: number, error: FanfareError): string {
  const out: Effects = [];
  from.lost(now, error, out);
  return from.state.status;
}

describe("opening", () => {
  test("a_connection_is_opened_once_however_often_it_is_needed", () => {
    const opened = connection();
    const out: Effects = [];
    opened.open(0, out);
    opened.open(1, out);
    assert.deepEqual(out.filter(({ do: what }) => what === "open").length, 1);
    assert.equal(opened.isReady, false);
  });

  test("a_handshake_that_takes_too_long_is_given_up", () => {
    const opened = connection();
    opened.open(0, []);
    assert.equal(opened.due(9_999), undefined);
    assert.equal(opened.due(10_000), "late");
  });
});

describe("losing", () => {
  test("the_wait_doubles_with_each_attempt_up_to_its_ceiling", () => {
    const opened = connection();
    const waits = [];
    opened.open(0, []);
    for (let attempt = 0; attempt < 6; attempt++) {
      lose(opened, 0, CUT);
      waits.push(opened.deadline);
      opened.open(0, []);
    }
    assert.deepEqual(waits, [100, 200, 400, 500, 500, 500]);
  });

  test("the_jitter_is_full", () => {
    assert.equal(backoffMs(BACKOFF, 2, 0), 0);
    assert.ok(backoffMs(BACKOFF, 2, 0.999) > 399);
  });

  test("a_connection_that_was_good_for_a_while_starts_the_backoff_over", () => {
    const opened = open();
    lose(opened, 1_000, CUT);
    assert.equal(opened.deadline, 1_050);
    assert.equal(opened.due(1_050), "open");
  });

  /** As one that is fed something that it cannot read each time. */
  test("a_connection_that_ends_right_after_its_welcome_does_not", () => {
    const opened = connection();
    for (let attempt = 0; attempt < 9; attempt++) {
      opened.open(0, []);
      opened.connected(0, WELCOME, []);
      lose(opened, 1, CUT);
    }
    assert.equal(opened.deadline, 501);
  });

  /** X3: `wait` says how long. */
  test("a_node_that_is_full_is_left_alone_for_as_long_as_it_says", () => {
    const opened = open();
    const full = { ...CUT, class: "wait", code: 3404, retryAfterMs: 5_000 } as FanfareError;
    lose(opened, 0, full);
    assert.ok(opened.deadline >= 5_000);
  });

  /** X3. */
  test("what_repeating_does_not_mend_is_not_repeated", () => {
    const opened = open();
    assert.equal(lose(opened, 0, fromCode(Code.FORBIDDEN)), "failed");
    assert.equal(opened.deadline, Number.POSITIVE_INFINITY);
  });

  test("a_code_of_a_later_version_is_judged_by_its_number", () => {
    assert.equal(lose(open(), 0, fromCode(3099)), "waiting");
    assert.equal(lose(open(), 0, fromCode(3999)), "failed");
  });

  test("a_refused_token_is_worth_another_attempt_only_if_there_is_another_token", () => {
    assert.equal(lose(open(true), 0, fromCode(Code.TOKEN_EXPIRED)), "waiting");
    assert.equal(lose(open(false), 0, fromCode(Code.TOKEN_EXPIRED)), "failed");
  });

  /** S11. */
  test("an_idle_connection_is_not_replaced", () => {
    assert.equal(lose(open(), 0, fromCode(Code.IDLE)), "idle");
  });

  test("what_failed_may_be_opened_again_and_what_was_closed_may_not", () => {
    const failed = open();
    lose(failed, 0, fromCode(Code.FORBIDDEN));
    failed.open(1, []);
    assert.equal(failed.state.status, "connecting");
    failed.close([]);
    failed.open(2, []);
    assert.equal(failed.state.status, "closed");
  });
});

describe("silence", () => {
  /** S8. */
  test("a_silent_node_is_asked_and_then_given_up", () => {
    const opened = open();
    assert.equal(opened.due(19_999), undefined);
    assert.equal(opened.due(20_000), "ping");
    opened.pinged(20_000);
    assert.equal(opened.due(29_999), undefined);
    assert.equal(opened.due(30_000), "late");
  });

  test("anything_heard_is_a_sign_of_life", () => {
    const opened = open();
    opened.pinged(20_000);
    opened.heard(25_000);
    assert.equal(opened.deadline, 45_000);
  });

  test("after_sleep_the_node_is_asked_before_it_is_given_up", () => {
    const opened = open();
    assert.equal(opened.due(9_000_000), "ping");
  });

  test("waking_up_proves_an_open_connection_soon_and_ends_a_wait_at_once", () => {
    const opened = open();
    assert.equal(opened.wake(1_000, []), true);
    assert.equal(opened.due(4_000), "late");
    lose(opened, 4_000, CUT);
    assert.equal(opened.wake(4_001, []), false);
    assert.equal(opened.state.status, "connecting");
  });
});

describe("leaving", () => {
  /** S9. */
  test("a_draining_node_is_asked_nothing_and_left_at_our_slot", () => {
    const opened = open();
    opened.leave(1_000, 8_000);
    assert.equal(opened.isReady, false);
    assert.equal(opened.due(4_999), undefined);
    assert.equal(opened.due(5_000), "leave");
  });

  /** S9: the crowd is spread by the slots, not by who is cut first. */
  test("a_node_that_closes_before_our_slot_does_not_move_it", () => {
    const opened = open();
    opened.leave(1_000, 8_000);
    lose(opened, 2_000, fromCode(Code.GOING_AWAY));
    assert.equal(opened.deadline, 5_000);
  });
});

describe("tokens", () => {
  /** S3. */
  test("a_token_is_renewed_before_it_ends", () => {
    const opened = open(true, 15_000);
    assert.equal(opened.due(11_999), undefined);
    assert.equal(opened.due(12_000), "refresh");
    opened.refreshed(12_000);
    assert.notEqual(opened.due(12_001), "refresh");
    opened.refreshed(12_500, 22_500);
    assert.equal(opened.deadline, 20_000);
  });

  test("a_token_that_cannot_be_replaced_is_left_to_end", () => {
    assert.equal(open(false, 15_000).due(15_000), undefined);
  });
});
