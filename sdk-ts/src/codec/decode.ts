/** Messages from protobuf to memory, as their schema says. Skips what it does not know; throws on garbage. */

import { formatDuration } from "./duration.js";
import type { Reader } from "./reader.js";
import { type EnumNames, type Field, type Schema, wireType } from "./schema.js";

type Members = Record<string, unknown>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads to the end of the reader. */
export function decodeMessage(schema: Schema, reader: Reader): Members {
  const members = impliedBy(schema);
  while (!reader.isAtEnd) {
    const tag = Number(reader.varint());
    const field = fieldOf(schema, tag >>> 3);
    if (field && wireType(field[2]) === (tag & 7)) place(members, field, read(reader, field));
    else reader.skip(tag & 7);
  }
  const { data } = members;
  if (data instanceof Uint8Array && members["contentType"] !== "bytes") {
    members["data"] = JSON.parse(utf8.decode(data));
  }
  return members;
}

/** Most schemas have their fields without a hole. */
function fieldOf(schema: Schema, number: number): Field | undefined {
  const field = schema[number - 1];
  return field?.[0] === number ? field : schema.find((other) => other[0] === number);
}

/** What is there in memory although proto3 leaves it out. */
function impliedBy(schema: Schema): Members {
  const members: Members = {};
  for (const [, name, kind, mode] of schema) {
    if (mode === "always-list") members[name] = [];
    else if (mode === "always") members[name] = implied[kind];
  }
  return members;
}

const implied: Partial<Record<Field[2], unknown>> = {
  bool: false,
  fixed64: "0",
  int: 0,
  string: "",
  uint: 0,
  version: "0.0",
};

function place(members: Members, [, name, , mode]: Field, value: unknown): void {
  const before = members[name];
  switch (mode) {
    case "flat":
      Object.assign(members, value);
      break;
    case "map":
    case "dotted": {
      const { key, value: text } = value as Members;
      if (mode === "dotted") members[`${name}.${key}`] = text;
      else members[name] = { ...(before as object), [String(key)]: text };
      break;
    }
    case "commas":
      members[name] = before === undefined ? value : `${before},${value}`;
      break;
    case "list":
    case "always-list":
      if (before === undefined) members[name] = [value];
      else (before as unknown[]).push(value);
      break;
    default:
      members[name] = value;
  }
}

function read(reader: Reader, [, , kind, , of]: Field): unknown {
  switch (kind) {
    case "string":
      return reader.string();
    case "bool":
      return reader.varint() !== 0;
    case "uint":
      return reader.varint();
    case "int":
      return signed(reader.varint());
    case "enum":
      return (of as EnumNames)[Number(reader.varint())];
    case "duration":
      return formatDuration(Number(reader.varint()));
    case "fixed64":
      return reader.fixed64();
    case "double":
      return reader.double();
    case "data":
      return reader.bytes();
    case "version": {
      const { epoch, offset } = decodeMessage(of as Schema, reader.nested());
      return `${epoch}.${offset}`;
    }
    case "message":
      return decodeMessage(of as Schema, reader.nested());
  }
}

function signed(value: number | bigint): number {
  return typeof value === "number" ? value : Number(BigInt.asIntN(64, value));
}
