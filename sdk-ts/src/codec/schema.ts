/** What the generated tables consist of. */

/** Name by number; the number 0 is left out where it means nothing. */
export type EnumNames = Readonly<Record<number, string>>;

export type Kind =
  | "string"
  | "bool"
  /** Up to 2^53 - 1. */
  | "uint"
  | "int"
  | "fixed64"
  | "double"
  /** A message on the wire, `EPOCH.OFFSET` in memory. */
  | "version"
  /** Milliseconds on the wire. */
  | "duration"
  /** A JSON value, or bytes where the sibling `contentType` says so. */
  | "data"
  | "enum"
  | "message";

export type Mode =
  /** There in memory even when the wire leaves it out. */
  | "always"
  | "optional"
  | "list"
  | "always-list"
  /** Entries on the wire, an object in memory. */
  | "map"
  /** A list on the wire, one comma-separated string in memory. */
  | "commas"
  /** Entries on the wire, members `NAME.KEY` in memory. */
  | "dotted"
  /** A message on the wire, members beside their siblings in memory. */
  | "flat";

/**
 * Number, name, kind, mode; then the names of an `enum` or the schema of a message, and for a `flat`
 * one, where there may be several, the sibling that has them.
 */
export type Field = readonly [
  number: number,
  name: string,
  kind: Kind,
  mode: Mode,
  of?: EnumNames | Schema,
  several?: string,
];

export type Schema = readonly Field[];

/** How the value of a field is delimited on the wire. */
export const VARINT = 0;
export const FIXED64 = 1;
export const DELIMITED = 2;
export const FIXED32 = 5;

export function wireType(kind: Kind): number {
  switch (kind) {
    case "bool":
    case "uint":
    case "int":
    case "enum":
    case "duration":
      return VARINT;
    case "fixed64":
    case "double":
      return FIXED64;
    default:
      return DELIMITED;
  }
}
