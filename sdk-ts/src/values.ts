/**
 * Whole values from patches, for a watch with `delta`: the last value of each key, as long as it
 * lives. Loaded only by whoever asks for it.
 */

import type { CursorEvent, TopicEvent } from "./event.js";

export class Values {
  /** As many as the topic has keys. */
  readonly #byKey = new Map<string, unknown>();

  /** The same events with a `put` for each `patch`; nothing where a patch has no value to begin with. */
  apply(events: readonly CursorEvent[]): readonly TopicEvent[] | undefined {
    const whole: TopicEvent[] = [];
    for (const event of events) {
      if (event.type === "gone") this.#byKey.clear();
      const { key = "" } = "key" in event ? event : {};
      if (event.type === "delete") this.#byKey.delete(key);
      if (event.type === "patch" && !this.#byKey.has(key)) return undefined;
      if (event.type === "put" || event.type === "patch") {
        const data = event.type === "put" ? event.data : merged(this.#byKey.get(key), event.data);
        this.#byKey.set(key, data);
        whole.push({ ...event, type: "put", data });
      } else {
        whole.push(event);
      }
    }
    return whole;
  }
}

/** RFC 7396. What was handed on before is left as it is. */
export function merged(value: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(Object.entries(isObject(value) ? value : {}));
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) members.delete(name);
    else members.set(name, merged(members.get(name), part));
  }
  // Not by assignment, to which `__proto__` would mean something else.
  return Object.fromEntries(members);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
