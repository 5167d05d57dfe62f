/** Protobuf's primitives on their way in. Knows nothing of messages; throws on what ends too early. */

import { DELIMITED, FIXED32, FIXED64, VARINT } from "./schema.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Below this many bytes a loop is faster than the decoder of the platform. */
const SHORT_BYTES = 48;
/** The upper half of 2^53, from which on a number is no longer exact. */
const SAFE_HIGH_BITS = 1 << 21;

export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  /** Of a part of the bytes; messages within messages are read where they lie. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** A number up to 2^53 - 1, beyond that a bigint. */
  varint(): number | bigint {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#step(1)] ?? 0;
      const bits = byte & 127;
      // 32 bits are all that `|` can hold: the fifth byte belongs to both halves.
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >> 4;
      if (shift > 28) high |= bits << (shift - 32);
      if (byte < 128) return joined(low >>> 0, high >>> 0);
    }
    throw new RangeError("a varint of more than 10 bytes");
  }

  /** In hexadecimal, without leading zeros. */
  fixed64(): string {
    const low = this.#fixed32().toString(16);
    const high = this.#fixed32().toString(16);
    return high === "0" ? low : high + low.padStart(8, "0");
  }

  double(): number {
    const at = this.#step(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getFloat64(at, true);
  }

  /** A view into the input, not a copy. */
  bytes(): Uint8Array {
    const length = Number(this.varint());
    const start = this.#step(length);
    return this.#bytes.subarray(start, this.#at);
  }

  string(): string {
    const length = Number(this.varint());
    const start = this.#step(length);
    if (length > SHORT_BYTES) return utf8.decode(this.#bytes.subarray(start, this.#at));
    let text = "";
    for (let at = start; at < this.#at; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte > 127) return utf8.decode(this.#bytes.subarray(start, this.#at));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Of a message within. */
  nested(): Reader {
    const length = Number(this.varint());
    const start = this.#step(length);
    return new Reader(this.#bytes, start, this.#at);
  }

  /** Steps over a field that this version does not know. */
  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === FIXED64) this.#step(8);
    else if (wireType === DELIMITED) this.nested();
    else if (wireType === FIXED32) this.#step(4);
    else throw new RangeError(`wire type ${wireType}`);
  }

  #fixed32(): number {
    const at = this.#step(4);
    let value = 0;
    for (let byte = 3; byte >= 0; byte--) value = (value << 8) | (this.#bytes[at + byte] ?? 0);
    return value >>> 0;
  }

  #step(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw new RangeError("more is announced than there is");
    this.#at = start + count;
    return start;
  }
}

function joined(low: number, high: number): number | bigint {
  return high < SAFE_HIGH_BITS ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low);
}
