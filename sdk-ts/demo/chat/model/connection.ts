/** The connection as one sentence for people, and what it means for what they write. */

import type { ConnectionState } from "../../../src/index.js";

export interface Situation {
  readonly state: ConnectionState;
  /** When `state` was told. Milliseconds since 1970. */
  readonly since: number;
  /** What the browser thinks of its network. */
  readonly isOnline: boolean;
  /** Messages that no node has confirmed yet. */
  readonly waitingCount: number;
}

export interface ConnectionLabel {
  /** `lost` is for longer than a moment, or for good. */
  readonly tone: "connected" | "connecting" | "lost";
  readonly text: string;
  /** Counts down to the next attempt; empty when nothing does. */
  readonly countdown: string;
  /** What it means for the messages; empty while all is well. */
  readonly consequence: string;
}

export function connectionLabel(situation: Situation, now: number): ConnectionLabel {
  const { state, isOnline } = situation;
  const consequence = consequenceOf(situation);
  const lost = { tone: "lost", countdown: "", consequence } as const;
  switch (state.status) {
    case "connected":
      return { tone: "connected", text: "Connected", countdown: "", consequence: "" };
    case "failed":
      return {
        ...lost,
        text: "Disconnected",
        consequence: `The node refuses: ${state.error.message}.`,
      };
    case "closed":
      return { ...lost, text: "Disconnected" };
    case "waiting": {
      if (!isOnline) return { ...lost, text: "Offline" };
      const seconds = Math.ceil((situation.since + state.retryInMs - now) / 1_000);
      return { ...lost, text: "Reconnecting", countdown: seconds > 0 ? `in ${seconds} s` : "" };
    }
    case "idle":
    case "connecting": {
      if (!isOnline) return { ...lost, text: "Offline" };
      const isFirst = state.status === "idle" || state.attempt === 0;
      return { ...lost, tone: "connecting", text: isFirst ? "Connecting" : "Reconnecting" };
    }
  }
}

function consequenceOf({ waitingCount }: Situation): string {
  switch (waitingCount) {
    case 0:
      return "You can go on writing: it is sent once the connection is back.";
    case 1:
      return "1 message waits to be sent.";
    default:
      return `${waitingCount} messages wait to be sent.`;
  }
}
