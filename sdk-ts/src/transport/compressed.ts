/**
 * A session over a WebSocket whose larger batches come compressed, each by itself (rules E17 and E18).
 * Inflating takes a moment, so that what comes behind a batch waits for it: the order stays.
 */

import type { Codec } from "../codec/codec.js";
import type { Envelope } from "../envelope.js";
import type { Socket, SocketEvents, Transport } from "./transport.js";

/** What every browser inflates by itself. */
const FORMAT = "deflate-raw";

/** What a compressed batch begins with: no envelope does. */
const MARK = 0;

/** Of one inflated batch: four times what a node sends by default. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** `transport` carries binary messages. */
export function compressed(transport: Transport, bytesMax = BATCH_BYTES_MAX): Transport {
  if (!canInflate()) return transport;
  return {
    name: transport.name,
    codec: asking(transport.codec),
    open: (url, events) => inflated(transport, url, events, bytesMax),
  };
}

function canInflate(): boolean {
  try {
    return !!new DecompressionStream(FORMAT);
  } catch {
    return false;
  }
}

/** Asks for it where the session says CONNECT. What could not be inflated is garbage, and said so. */
function asking(codec: Codec): Codec {
  const ask = (envelope: Envelope): Envelope => {
    if (envelope.type !== "CONNECT") return envelope;
    const { payload } = envelope;
    const features = { ...payload.features, compression: [FORMAT] };
    return { ...envelope, payload: { ...payload, features } };
  };
  return {
    subprotocol: codec.subprotocol,
    encode: (envelopes) => codec.encode(envelopes.map(ask)),
    decode(message) {
      if (message instanceof Error) throw message;
      return codec.decode(message);
    },
  };
}

function inflated(
  transport: Transport,
  url: string,
  { opened, received, closed }: SocketEvents,
  bytesMax: number,
): Socket {
  let isOver = false;
  let waiting = 0;
  let last = Promise.resolve();
  const inTurn = (run: () => void | Promise<void>) => {
    waiting++;
    last = last.then(async () => {
      if (!isOver) await run();
      waiting--;
    });
  };
  const socket = transport.open(url, {
    opened,
    received(message) {
      const packed = packedIn(message);
      if (!packed && waiting === 0) return received(message);
      inTurn(async () => {
        const plain = packed ? await inflate(packed, bytesMax).catch(asError) : message;
        if (isOver) return;
        isOver = plain instanceof Error;
        received(plain);
      });
    },
    closed: (code, reason) => inTurn(() => closed(code, reason)),
  });
  return {
    send: (message) => socket.send(message),
    close() {
      isOver = true;
      socket.close();
    },
  };
}

function packedIn(message: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (!(message instanceof ArrayBuffer)) return undefined;
  const bytes = new Uint8Array(message);
  return bytes[0] === MARK ? bytes.subarray(1) : undefined;
}

async function inflate(packed: Uint8Array<ArrayBuffer>, bytesMax: number): Promise<ArrayBuffer> {
  const { readable, writable } = new DecompressionStream(FORMAT);
  const writer = writable.getWriter();
  // What goes wrong is told to the reader, too.
  const written = Promise.allSettled([writer.write(packed), writer.close()]);
  const reader = readable.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > bytesMax) {
      await reader.cancel().catch(() => {});
      throw new RangeError(`FRAME_TOO_LARGE: a batch of more than ${bytesMax} bytes`);
    }
    parts.push(part.value as Uint8Array<ArrayBuffer>);
  }
  await written;
  return new Blob(parts).arrayBuffer();
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`a batch cannot be inflated: ${error}`);
}
