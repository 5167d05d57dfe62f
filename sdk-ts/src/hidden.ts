/** Slows a watch down while nobody sees the page, and lets it go on in its own pace when it is shown again. */

import type { Driver } from "./driver.js";
import type { Duration } from "./generated/messages.js";
import type { View } from "./subscription.js";

/** The part of a document that is used. */
export interface Visibility {
  readonly hidden: boolean;
  addEventListener(name: "visibilitychange", run: () => void): void;
  removeEventListener(name: "visibilitychange", run: () => void): void;
}

/** Until the watch ends. Where there is no page, nothing is ever hidden. */
export function slowWhenHidden(
  driver: Driver,
  watch: number,
  interval: Duration,
  page: Visibility | undefined = globalThis.document,
): void {
  /** What it showed before it was slowed down, and what it shows since. */
  let slowed: { readonly from: View; readonly to: View } | undefined;
  const look = () => {
    if (!driver.sinks.has(watch)) {
      page?.removeEventListener("visibilitychange", look);
      return;
    }
    void driver
      .extra(async (extra) => {
        const shown = driver.session.watches.byWatch.get(watch)?.subscription.shown;
        if (page?.hidden && shown && !slowed) {
          slowed = { from: shown, to: { ...shown, interval } };
          await extra.update(watch, slowed.to);
        } else if (!page?.hidden && slowed) {
          const { from, to } = slowed;
          slowed = undefined;
          // The application may have asked for another view meanwhile, which has its own pace.
          if (!shown || isEqual(shown, to)) await extra.update(watch, from);
        }
      })
      .catch(() => {
        // It ended, or goes on as it was.
      });
  };
  page?.addEventListener("visibilitychange", look);
  if (page?.hidden) look();
}

function isEqual(a: View, b: View): boolean {
  const text = (view: View) =>
    JSON.stringify(Object.entries(view).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text(a) === text(b);
}
