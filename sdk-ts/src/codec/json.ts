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
      bytesFromBase64(envelope.payload);
      for (const list of LISTS) envelope.payload[list]?.forEach?.(bytesFromBase64);
      return envelope;
    });
  },
};

function encodeEnvelope({ payload, ...head }: Envelope): string {
  const { data, ...rest } = payload as Members;
  if (!(data instanceof JsonText)) return JSON.stringify({ ...head, payload }, withBase64);
  // Its text goes in as it is: parsing it only to write it again would cost as much as the rest.
  return `${JSON.stringify({ ...head, payload: rest }).slice(0, -2)},"data":${data.text}}}`;
}

/** Of what has bytes: the same with their text. */
function withBase64(_name: string, value: Members | null): unknown {
  const { data } = value ?? {};
  if (!(data instanceof Uint8Array)) return value;
  const text = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
  return { ...value, data: undefined, dataBase64: btoa(text) };
}

function bytesFromBase64(item: Members): void {
  const text = item["dataBase64"];
  if (typeof text !== "string") return;
  item["data"] = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  // Left out in events, where `dataBase64` says it.
  item["contentType"] = "bytes";
  delete item["dataBase64"];
}
