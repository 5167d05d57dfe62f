/** The binary form: envelopes as protobuf, each behind its length. */

import type { Envelope } from "../envelope.js";
import { envelopeTypes } from "../generated/messages.js";
import { type Codec, messagesOf } from "./codec.js";
import { decodeMessage } from "./decode.js";
import { encodeMessage } from "./encode.js";
import { Reader } from "./reader.js";
import { DELIMITED, VARINT } from "./schema.js";
import { Writer } from "./writer.js";

const TYPE = 1;
const ID = 2;
const PAYLOAD = 3;
const TRACEPARENT = 4;

export const protobuf: Codec = {
  subprotocol: "fanfare.v1.protobuf",

  encode(envelopes) {
    return messagesOf(envelopes.map(encodeEnvelope), (parts) => {
      const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    });
  },

  decode(message) {
    if (!(message instanceof ArrayBuffer))
      throw new TypeError("a text message in a binary session");
    const reader = new Reader(new Uint8Array(message));
    const envelopes: Envelope[] = [];
    while (!reader.isAtEnd) {
      const envelope = decodeEnvelope(reader.nested());
      if (envelope) envelopes.push(envelope);
    }
    return envelopes;
  },
};

/** With its length before it, also when it is alone (E7). */
function encodeEnvelope({ type, id, payload, traceparent }: Envelope): Uint8Array<ArrayBuffer> {
  const [number, , schema] = envelopeTypes.find((row) => row[1] === type) ?? [0, type, []];
  const out = new Writer();
  out.delimited(() => {
    out.tag(TYPE, VARINT);
    out.varint(number);
    if (id) {
      out.tag(ID, VARINT);
      out.varint(id);
    }
    if (Object.keys(payload).length > 0) {
      out.tag(PAYLOAD, DELIMITED);
      out.delimited(() => encodeMessage(out, schema, payload));
    }
    if (traceparent !== undefined) {
      out.tag(TRACEPARENT, DELIMITED);
      out.string(traceparent);
    }
  });
  return out.finish();
}

function decodeEnvelope(reader: Reader): Envelope | undefined {
  let number: number | bigint = 0;
  let id: number | undefined;
  let payload = new Reader(new Uint8Array());
  let traceparent: string | undefined;
  while (!reader.isAtEnd) {
    const tag = Number(reader.varint());
    if (tag === ((TYPE << 3) | VARINT)) number = reader.varint();
    else if (tag === ((ID << 3) | VARINT)) id = Number(reader.varint());
    else if (tag === ((PAYLOAD << 3) | DELIMITED)) payload = reader.nested();
    else if (tag === ((TRACEPARENT << 3) | DELIMITED)) traceparent = reader.string();
    else reader.skip(tag & 7);
  }
  const row = envelopeTypes.find((row) => row[0] === number);
  if (!row) return undefined;
  const [, type, schema] = row;
  const optional = { ...(id && { id }), ...(traceparent !== undefined && { traceparent }) };
  // The tables are generated from the same source as the types.
  return { type, payload: decodeMessage(schema, payload), ...optional } as Envelope;
}
