/** Where sockets are and what is heard of them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json } from "../src/codec/json.js";
import { overWebSocket, socketUrl } from "../src/transport/websocket.js";
import { FakeSocket } from "./harness/world.js";

describe("the URL of a node's sockets", () => {
  for (const [given, expected] of [
    ["http://localhost:8000", "ws://localhost:8000/v1/ws"],
    ["https://example.org", "wss://example.org/v1/ws"],
    ["ws://localhost:8000/", "ws://localhost:8000/v1/ws"],
    ["wss://example.org/realtime/", "wss://example.org/realtime/v1/ws"],
    ["wss://example.org/v1/ws", "wss://example.org/v1/ws"],
    ["https://example.org/?tenant=a", "wss://example.org/v1/ws?tenant=a"],
  ] as const) {
    test(`${given} is ${expected}`, () => assert.equal(socketUrl(given), expected));
  }

  test("a_page_may_name_its_own_origin", (context) => {
    context.after(() => Reflect.deleteProperty(globalThis, "location"));
    Object.assign(globalThis, { location: new URL("https://example.org/chat/?room=a") });
    assert.equal(socketUrl("/"), "wss://example.org/v1/ws");
  });

  test("what_is_no_url_throws_where_the_client_is_made", () => {
    assert.throws(() => socketUrl("localhost"), TypeError);
  });
});

describe("a socket", () => {
  /** A socket that was closed may still say things; they belong to no one. */
  test("nothing_is_heard_after_it_was_closed", () => {
    const heard: string[] = [];
    let made: FakeSocket | undefined;
    class Recorded extends FakeSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        made = this;
      }
    }
    const socket = overWebSocket(Recorded, json).open("ws://node/v1/ws", {
      opened: () => heard.push("opened"),
      received: (message) => heard.push(String(message)),
      closed: () => heard.push("closed"),
    });
    made?.accept();
    made?.deliver("a");
    socket.close();
    made?.onmessage?.({ data: "b" });
    made?.onclose?.({ code: 1000, reason: "" });
    made?.onerror?.();
    assert.deepEqual(heard, ["opened", "a"]);
    assert.equal(made?.binaryType, "arraybuffer");
  });
});
