/**
 * Messages from memory, where they have their JSON form, to protobuf, as their schema says. Writes
 * fields in the order of their numbers and leaves out what proto3 implies, like every other encoder.
 */

import { JsonText } from "./codec.js";
import { parseDuration } from "./duration.js";
import { type EnumNames, type Field, type Schema, wireType } from "./schema.js";
import type { Writer } from "./writer.js";

type Members = Readonly<Record<string, unknown>>;

/** Appends the fields of the message. */
export function encodeMessage(out: Writer, schema: Schema, message: object): void {
  const members = message as Members;
  for (const field of schema) {
    const [, name, , mode, of, several] = field;
    const value = members[name];
    if (mode === "flat") {
      if (!several || members[several] === undefined) write(out, field, members);
    } else if (mode === "dotted") {
      writeEntries(out, field, members, `${name}.`);
    } else if (value === undefined) {
      // Left out.
    } else if (mode === "map") {
      writeEntries(out, field, value as Members, "");
    } else if (mode === "commas") {
      for (const part of String(value).split(",")) write(out, field, part);
    } else if (mode === "list" || mode === "always-list") {
      for (const item of value as readonly unknown[]) write(out, field, item);
    } else if (!isImplied(mode, of, value)) {
      write(out, field, value);
    }
  }
}

function isImplied(mode: Field[3], of: Field[4], value: unknown): boolean {
  return (
    value === false ||
    (mode === "always" && (value === 0 || value === "")) ||
    (of !== undefined && value === (of as EnumNames)[0])
  );
}

/** Sorted, as the node writes them. */
function writeEntries(out: Writer, field: Field, members: Members, prefix: string): void {
  const keys = Object.keys(members).filter((key) => key.startsWith(prefix));
  for (const key of keys.sort()) {
    write(out, field, { key: key.slice(prefix.length), value: members[key] });
  }
}

function write(out: Writer, [number, , kind, , of]: Field, value: unknown): void {
  out.tag(number, wireType(kind));
  switch (kind) {
    case "string":
      out.string(String(value));
      break;
    case "bool":
    case "int":
      out.varint(Number(value));
      break;
    case "uint":
      out.varint(value as number | bigint);
      break;
    case "enum":
      out.varint(numberOf(of as EnumNames, value));
      break;
    case "duration":
      out.varint(parseDuration(value as string | number));
      break;
    case "fixed64":
      out.fixed64(String(value));
      break;
    case "double":
      out.double(value as number);
      break;
    case "version":
      out.delimited(() => encodeMessage(out, of as Schema, placeOf(String(value))));
      break;
    case "data":
      if (value instanceof Uint8Array) out.bytes(value);
      else out.string((value instanceof JsonText ? value : new JsonText(value)).text);
      break;
    case "message":
      out.delimited(() => encodeMessage(out, of as Schema, value as object));
      break;
  }
}

function numberOf(names: EnumNames, name: unknown): number {
  const row = Object.entries(names).find((row) => row[1] === name);
  if (!row) throw new RangeError(`\`${name}\` is none of ${Object.values(names).join(", ")}`);
  return Number(row[0]);
}

/** As its message has it; what proto3 implies is absent. */
function placeOf(version: string): object {
  const [epoch, offset = ""] = version.split(".");
  const number = Number(offset);
  return {
    ...(epoch !== "0" && { epoch }),
    offset: Number.isSafeInteger(number) ? number : BigInt(offset),
  };
}
