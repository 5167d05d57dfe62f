/**
 * What few ask for: another view (`update`), a credit, patches made whole, pages of history. Loaded by the first
 * that does, so that the others are spared its weight; so nothing of the rest is imported here but types.
 */

import type { Effects } from "./effect.js";
import type { ErrorClass, FanfareError } from "./error.js";
import type { Follower, Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import type { Ask, Subscription, View } from "./subscription.js";
import { Values } from "./values.js";
import type { Extra, Page, Watches } from "./watches.js";

/** Pages of history without an answer: each is a caller with a promise. */
const PAGES_MAX = 1_000;

/** What changes how a view comes and not what it shows. */
const PACE: readonly string[] = ["interval", "debounce", "maxEventsPerSecond", "delta"];

type Settle = (error?: FanfareError) => void;

/** What a watch is to see from now on. */
interface Wish {
  readonly view: View;
  readonly key: string;
  /** Tells whoever waits for it. */
  readonly settle?: Settle;
}

/** What the node may still send of its own accord. */
interface Credit {
  readonly turn: number;
  left: number;
  /** Of the events that the subscription received, those that were taken off. */
  counted: number;
}

export class Extras implements Extra {
  readonly #watches: Watches;
  readonly #Failure: typeof FanfareError;
  readonly #wishes = new Map<Follower, Wish>();
  /** What was asked for by UPDATE_VIEW and is not yet answered. */
  readonly #asked = new Map<Subscription, Wish>();
  readonly #credits = new WeakMap<Subscription, Credit>();
  readonly #taken = new WeakMap<Follower, number>();

  readonly pages = new Set<Page>();

  constructor(watches: Watches, Failure: typeof FanfareError) {
    this.#watches = watches;
    this.#Failure = Failure;
  }

  add(watch: number, view: View, terms: Terms): void {
    this.#watches.add(watch, view, terms);
    const { follower } = this.#watches.byWatch.get(watch) ?? {};
    if (follower && view.delta) this.#makeWhole(follower);
  }

  update(watch: number, view: View): Promise<void> {
    return new Promise((resolve, reject) => {
      this.want(watch, view, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** `settle` is called once it shows that, or with why it does not. */
  want(watch: number, view: View, settle: Settle): void {
    const served = this.#watches.byWatch.get(watch);
    if (!served) {
      settle(this.#error("CLOSED", "the watch has ended", "terminal"));
      return;
    }
    const { follower, subscription } = served;
    if (view.delta && !follower.whole) this.#makeWhole(follower);
    this.#wishes.get(follower)?.settle?.();
    this.#wishes.set(follower, { view, key: this.#watches.keyOf(view), settle });
    this.#watches.restless.add(subscription);
  }

  /** Nothing of it is of these. */
  told(_watch: number, _wish: "pause" | "resume" | "remove"): void {}

  get stats(): Extra["stats"] {
    return {};
  }

  took(watch: number, count: number): boolean {
    const { follower, subscription } = this.#watches.byWatch.get(watch) ?? {};
    if (!follower?.terms.credit || !subscription) return false;
    this.#taken.set(follower, (this.#taken.get(follower) ?? 0) + count);
    this.#watches.restless.add(subscription);
    return true;
  }

  history(payload: wire.History): Promise<wire.HistoryPage> {
    return new Promise((resolve, reject) => {
      if (this.pages.size >= PAGES_MAX) {
        reject(this.#error("QUEUE_FULL", `${PAGES_MAX} wait already`, "wait"));
        return;
      }
      const page: Page = {
        payload,
        isAsked: false,
        settle: (answer, error) => {
          this.pages.delete(page);
          if (error || !answer) reject(error);
          else resolve(answer);
        },
      };
      this.pages.add(page);
    });
  }

  joined(subscription: Subscription, follower: Follower, view: View): void {
    // Whether it will show that is decided by the answer.
    if (subscription.state.is !== "updating") return;
    this.#wishes.set(follower, { view, key: this.#watches.keyOf(view) });
  }

  ask(subscription: Subscription, out: Effects): Ask | undefined {
    if (subscription.state.is === "updating") return undefined;
    this.#forget(subscription);
    for (const follower of subscription.followers.values()) {
      const wish = this.#wishes.get(follower);
      if (!wish) continue;
      if (wish.key === subscription.key) this.#fulfil(follower, wish);
      else if (subscription.followers.size > 1 || this.#watches.byKey.has(wish.key)) {
        this.#move(subscription, follower, wish, out);
      } else return this.#update(subscription, follower, wish);
    }
    return this.#grant(subscription);
  }

  updated(
    subscription: Subscription,
    answer: wire.Watched,
    error: FanfareError | undefined,
    out: Effects,
  ): void {
    const { byKey, byView, restless } = this.#watches;
    const wish = this.#asked.get(subscription);
    const { state } = subscription;
    // It may have ended meanwhile; then it is opened anew and asked again.
    if (!wish || state.is !== "updating") return;
    this.#asked.delete(subscription);
    byView.delete(state.view);
    const { view } = error ? state : answer;
    byView.set(view, subscription);
    subscription.state = { is: "open", view, isProven: true, hasGap: false };
    restless.add(subscription);
    byKey.delete(error ? wish.key : subscription.key);
    if (!error) {
      subscription.key = wish.key;
      subscription.shown = wish.view;
    }
    for (const follower of subscription.followers.values()) {
      if (error && this.#wishes.get(follower) === wish) this.#fulfil(follower, wish, error);
      if (!error && !answer.resumed && follower.isFollowing) this.#startOver(follower, out);
    }
  }

  fail(error: FanfareError | undefined): void {
    const reason = error ?? this.#error("CLOSED", "closed", "terminal");
    for (const [follower, wish] of this.#wishes) this.#fulfil(follower, wish, reason);
    for (const page of this.pages) page.settle(undefined, reason);
    this.#asked.clear();
  }

  /** What is no longer asked for, because the view has ended, and by whom nothing more is wanted. */
  #forget(subscription: Subscription): void {
    const { byKey, byWatch } = this.#watches;
    const asked = this.#asked.get(subscription);
    if (asked && byKey.get(asked.key) === subscription) byKey.delete(asked.key);
    this.#asked.delete(subscription);
    for (const [follower, wish] of this.#wishes) {
      if (!byWatch.has(follower.watch)) this.#fulfil(follower, wish);
    }
  }

  /** Alone on its subscription, a watch takes it along. */
  #update(subscription: Subscription, follower: Follower, wish: Wish): Ask | undefined {
    const { state } = subscription;
    if (state.is !== "open" || !state.isProven || state.hasGap) return undefined;
    if (!follower.cursor.isLive || follower.isPaused) return undefined;
    const { view } = state;
    this.#asked.set(subscription, wish);
    // Nobody else may open that view meanwhile.
    this.#watches.byKey.set(wish.key, subscription);
    subscription.state = { is: "updating", view };
    return { type: "UPDATE_VIEW", payload: { ...wish.view, view } };
  }

  /** To the subscription of the view that it wants. */
  #move(from: Subscription, follower: Follower, wish: Wish, out: Effects): void {
    from.remove(follower.watch);
    if (follower.turn > 0 && shown(from.shown) !== shown(wish.view)) {
      this.#startOver(follower, out);
    }
    follower.lost();
    follower.turn = 0;
    this.#fulfil(follower, wish);
    this.#watches.join(follower, wish.view);
  }

  #error(name: string, message: string, group: ErrorClass, code = 0): FanfareError {
    return new this.#Failure({ code, name, message, class: group });
  }

  #makeWhole(follower: Follower): void {
    const values = new Values();
    follower.whole = (events, out) => {
      const whole = values.apply(events);
      if (!whole)
        follower.gone(this.#error("LAGGED", "a patch of an unknown value", "resync", 3300), out);
      return whole;
    };
  }

  #startOver(follower: Follower, out: Effects): void {
    const { cursor, whole, watch } = follower;
    const error = this.#error("VIEW_CHANGED", "another view, another snapshot", "resync");
    const [...events] = [{ type: "gone", error }] as const;
    cursor.gone(error);
    whole?.(events, out);
    follower.handedCount++;
    out.push({ do: "deliver", watch, events });
  }

  #fulfil(follower: Follower, wish: Wish, error?: FanfareError): void {
    this.#wishes.delete(follower);
    wish.settle?.(error);
  }

  /** What the slowest watch has taken, by halves of its credit: a grant is a message. */
  #grant(subscription: Subscription): Ask | undefined {
    const { state, turn, receivedCount, followers } = subscription;
    const slow = [...followers.values()].filter(({ isFollowing, terms }) => {
      return isFollowing && terms.credit;
    });
    if (state.is !== "open" || slow.length === 0) return undefined;
    const max = Math.min(...slow.map(({ terms }) => terms.credit ?? 0));
    const waiting = slow.map((follower) => follower.handedCount - (this.#taken.get(follower) ?? 0));
    let credit = this.#credits.get(subscription);
    if (credit?.turn !== turn) credit = { turn, left: max, counted: 0 };
    this.#credits.set(subscription, credit);
    // A snapshot is sent whole, also beyond it.
    credit.left = Math.max(0, credit.left - (receivedCount - credit.counted));
    credit.counted = receivedCount;
    const events = max - credit.left - Math.max(...waiting);
    if (events <= 0 || events < max / 2) return undefined;
    credit.left += events;
    return { type: "GRANT", payload: { view: state.view, events } };
  }
}

/** Equal for views that show the same, in whatever pace. */
export function shown(view: View): string {
  const members = Object.entries(view).filter(([name]) => !PACE.includes(name));
  return JSON.stringify(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
