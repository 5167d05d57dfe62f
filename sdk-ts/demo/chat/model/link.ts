/** Web addresses within text. Finds them; whoever shows them makes the elements. */

export interface Segment {
  readonly text: string;
  /** There for a link, and always `http:` or `https:`. */
  readonly href?: string;
}

/** Stops at white space, quotes and angle brackets. */
const address = /\bhttps?:\/\/[^\s<>"'`]+/gi;

export function segmentsOf(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(address)) {
    const link = withoutTrailing(found);
    const href = hrefOf(link);
    if (href === undefined) continue;
    if (index > end) segments.push({ text: text.slice(end, index) });
    segments.push({ text: link, href });
    end = index + link.length;
  }
  if (end < text.length) segments.push({ text: text.slice(end) });
  return segments;
}

/** A full stop ends the sentence, not the address; a bracket only belongs to it if it was opened there. */
function withoutTrailing(link: string): string {
  const last = link.at(-1) ?? "";
  const isUnopened = last === ")" && link.split(")").length > link.split("(").length;
  return isUnopened || ".,;:!?*_]}".includes(last) ? withoutTrailing(link.slice(0, -1)) : link;
}

function hrefOf(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, href } = new URL(link);
  return protocol === "http:" || protocol === "https:" ? href : undefined;
}
