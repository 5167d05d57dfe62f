/** Who speaks: an id that is drawn once, a name and a colour that one chooses. */

/** The names of the hues in `author.css`. */
export const colours = [
  "coral",
  "amber",
  "olive",
  "green",
  "teal",
  "blue",
  "violet",
  "rose",
] as const;
export type Colour = (typeof colours)[number];

export const NAME_CHARACTERS_MAX = 32;

export interface Author {
  readonly id: string;
  readonly name: string;
  readonly colour: Colour;
}

/** Nothing when it is not an author with a name; a colour that we do not have becomes one that we do. */
export function readAuthor(data: unknown): Author | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { id, name, colour } = data as { id?: unknown; name?: unknown; colour?: unknown };
  const cleanName = cleanAuthorName(name);
  if (cleanName === "") return undefined;
  const cleanId = typeof id === "string" ? id : "";
  return {
    id: cleanId,
    name: cleanName,
    colour: readColour(colour) ?? colourOf(cleanId || cleanName),
  };
}

/** Whoever published without saying who; `publisher` is the subject of the token, where there is one. */
export function anonymous(publisher?: string): Author {
  const name = cleanAuthorName(publisher) || "Someone";
  return { id: "", name, colour: colourOf(name) };
}

/** One line without surrounding space; empty when there is nothing to call someone by. */
export function cleanAuthorName(name: unknown): string {
  if (typeof name !== "string") return "";
  return [...name.replace(/\s+/g, " ").trim()].slice(0, NAME_CHARACTERS_MAX).join("").trim();
}

/** The letter in the circle. */
export function initial({ name }: Author): string {
  return ([...name][0] ?? "?").toUpperCase();
}

function readColour(colour: unknown): Colour | undefined {
  return colours.find((known) => known === colour);
}

/** The same text always has the same colour, in every window. */
function colourOf(text: string): Colour {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_536;
  return colours[sum % colours.length] ?? "blue";
}
