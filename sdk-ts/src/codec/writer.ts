/** Protobuf's primitives on their way out, into one buffer. Knows nothing of messages. */

const utf8 = new TextEncoder();

/** Enough for most messages; doubled when it is not. */
const START_BYTES = 512;

export class Writer {
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  tag(number: number, wireType: number): void {
    this.varint((number << 3) | wireType);
  }

  /** Negative ones as two's complement, in ten bytes. */
  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "bigint" || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) | 128;
      value = Number(rest);
    }
    // Not by shifting, which would cut it to 32 bits.
    for (; value > 127; value = Math.floor(value / 128)) {
      this.#bytes[this.#length++] = (value % 128) | 128;
    }
    this.#bytes[this.#length++] = value;
  }

  /** Of up to sixteen hexadecimal digits. */
  fixed64(hex: string): void {
    this.#reserve(8);
    this.#view.setUint32(this.#length, Number.parseInt(hex.slice(-8), 16), true);
    this.#view.setUint32(this.#length + 4, Number.parseInt(`0${hex.slice(0, -8)}`, 16), true);
    this.#length += 8;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  bytes(value: Uint8Array): void {
    this.delimited(() => {
      this.#reserve(value.length);
      this.#bytes.set(value, this.#length);
      this.#length += value.length;
    });
  }

  string(value: string): void {
    this.delimited(() => {
      this.#reserve(value.length * 3);
      const free = this.#bytes.subarray(this.#length);
      this.#length += utf8.encodeInto(value, free).written;
    });
  }

  /** Whatever `write` writes, with its length before it. */
  delimited(write: () => void): void {
    const start = this.#length;
    write();
    const end = this.#length;
    // Room for the length is made once it is known.
    this.varint(end - start);
    const size = this.#length - end;
    const prefix = this.#bytes.slice(end, this.#length);
    this.#bytes.copyWithin(start + size, start, end);
    this.#bytes.set(prefix, start);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
