/** A topic by plain HTTP, as the oracle of what was stored. */

import assert from "node:assert/strict";

interface Item {
  readonly resourceVersion: string;
  readonly data: { readonly text: string };
}

/** Publishes texts as one batch. */
export async function publish(
  url: string,
  topic: string,
  ...texts: readonly string[]
): Promise<void> {
  const publications = texts.map((text) => ({ data: { text } }));
  const answer = await fetch(`${url}/v1/topics/${topic}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ publications }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** The texts of a topic in the order in which they were stored. */
export async function storedTexts(url: string, topic: string): Promise<readonly string[]> {
  const answer = await fetch(`${url}/v1/topics/${topic}?limit=1000`);
  assert.equal(answer.status, 200);
  const { items } = (await answer.json()) as { readonly items: readonly Item[] };
  return items.map(({ data }) => data.text);
}
