/** The JSON form: what is in memory is what is on the wire, except that bytes are `dataBase64` there. */

import type { Envelope } from "../envelope.js";
import { type Codec, JsonText, messagesOf } from "./codec.js";

type Members = Record<string, unknown>;

/** Members that hold several items with `data` of their own. */
const LISTS = ["events", "items", "publications", "members"];

export const json: Codec = {
  subprotocol: "fanfare.v1.json",

  encode(envelopes) {
    return messagesOf(envelopes.map(encodeEnvelope), (lines) => lines.join("\n"));
  },

  decode(message) {
    // A binary message has no lines, which is as good a fault as any.
    const lines = (message as string).split("\n").filter((line) => line.trim());
    return lines.map((line) => {
      const envelope = JSON.parse(line);
      envelope.payload ??= {};
      eachItem(envelope.payload, bytesFromBase64);
      return envelope;
    });
  },
};

function encodeEnvelope(envelope: Envelope): string {
  const payload: Members = { ...envelope.payload };
  for (const list of LISTS) {
    const items = payload[list];
    if (Array.isArray(items)) payload[list] = items.map((item) => ({ ...item }));
  }
  eachItem(payload, bytesToBase64);
  const { data } = payload;
  if (!(data instanceof JsonText)) return JSON.stringify({ ...envelope, payload });
  // Its text goes in as it is: parsing it only to write it again would cost as much as the rest.
  delete payload["data"];
  const { payload: _, ...head } = envelope;
  return `${JSON.stringify({ ...head, payload }).slice(0, -2)},"data":${data.text}}}`;
}

function eachItem(payload: Members, change: (item: Members) => void): void {
  change(payload);
  for (const list of LISTS) {
    const items = payload[list];
    if (Array.isArray(items)) items.forEach(change);
  }
}

function bytesFromBase64(item: Members): void {
  const text = item["dataBase64"];
  if (typeof text !== "string") return;
  item["data"] = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  // Left out in events, where `dataBase64` says it.
  item["contentType"] = "bytes";
  delete item["dataBase64"];
}

function bytesToBase64(item: Members): void {
  const bytes = item["data"];
  if (!(bytes instanceof Uint8Array)) return;
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  item["dataBase64"] = btoa(binary);
  delete item["data"];
}
