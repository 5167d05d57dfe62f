/** Something to look at. */

interface Line {
  readonly author: { readonly id: string; readonly name: string; readonly colour: string };
  readonly text: string;
}

const ada = { id: "ada", name: "Ada Lovelace", colour: "coral" };
const bo = { id: "bo", name: "Bo", colour: "teal" };
const cyrus = { id: "cyrus", name: "Cyrus", colour: "violet" };
const dot = { id: "dot", name: "Dot", colour: "olive" };

const lines: readonly Line[] = [
  { author: ada, text: "Morning! Is the rehearsal still at ten?" },
  { author: bo, text: "Yes. Brass first, then everyone." },
  { author: bo, text: "Bring the mutes this time." },
  {
    author: dot,
    text: "I’ll be ten minutes late, the tram is not moving. Start with the slow movement: I know that one by heart, and nobody will notice that a third trumpet is missing.",
  },
  {
    author: cyrus,
    text: "Yesterday’s recording: https://example.org/takes/overture-3.flac (the second half is the one to keep).",
  },
  { author: ada, text: "Bar 48 is late. Not by much:\n\n48   +120 ms\n49   +40 ms\n50   all in" },
  { author: bo, text: "We could just take it a bit slower." },
];

/** Publishes a conversation. */
export async function converse(url: string, topic: string): Promise<void> {
  const publications = lines.map((line, index) => ({ data: { id: `line-${index}`, ...line } }));
  const body = JSON.stringify({ publications });
  const answer = await fetch(`${url}/v1/topics/${topic}`, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
}

/** Puts the key of someone who types, until it is asked again. */
export async function startTyping(url: string, room: string): Promise<void> {
  const body = JSON.stringify({ key: "dot", data: dot, ttl: "60s" });
  const answer = await fetch(`${url}/v1/topics/typing:${room}`, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
}
