/** Names of rooms, as people write them and as topics may be called. */

/** There is one for whoever comes without a name in the address. */
export const defaultRooms = ["lobby", "music", "random"] as const;

/** A topic's name may have 255 bytes; nobody reads more than this in a sidebar. */
export const ROOM_CHARACTERS_MAX = 40;

/** `Late Night!` becomes `late-night`; empty when nothing is left. */
export function cleanRoomName(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\s/]+/g, "-")
    .replace(/[^a-z0-9_.~-]/g, "")
    .replace(/-{2,}/g, "-")
    .slice(0, ROOM_CHARACTERS_MAX)
    .replace(/^[-.]+|[-.]+$/g, "");
}

/** The room of a deep link, `#late-night`. */
export function roomOfHash(hash: string): string {
  return cleanRoomName(decode(hash.replace(/^#/, "")));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
