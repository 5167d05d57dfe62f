/** Whether a batch continues a line of publications, judged by `after` and `through` alone. */

import type * as wire from "./generated/messages.js";
import { NONE, parseVersion } from "./resource-version.js";

/** What is new in a batch and how far it reaches; `gap`: publications are missing before it. */
export type Unseen =
  | { readonly events: readonly wire.Event[]; readonly through: wire.ResourceVersion }
  | "gap";

/** `through` is how far the line reached before; the batch covers the versions in (after, through]. */
export function unseen(batch: wire.EventBatch, through: wire.ResourceVersion): Unseen {
  if (batch.after === through) return batch;
  const seen = parseVersion(through);
  const after = parseVersion(batch.after);
  if (after.epoch !== seen.epoch) {
    // A topic that did not exist begins with the first offset of any epoch.
    return through === NONE && after.offset === 0 ? batch : "gap";
  }
  if (after.offset > seen.offset) return "gap";
  const events = batch.events.filter(({ resourceVersion }) => {
    return resourceVersion === undefined || parseVersion(resourceVersion).offset > seen.offset;
  });
  const isBehind = parseVersion(batch.through).offset < seen.offset;
  return { events, through: isBehind ? through : batch.through };
}
