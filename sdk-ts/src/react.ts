/** Hooks for React, over the stores of `store.ts`. `@fanfare/client/react`. */

import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useMemo,
  useSyncExternalStore,
} from "react";
import type { Client } from "./client.js";
import type { ConnectionState } from "./connection.js";
import { EMPTY_VIEW, type StoreOptions, storeKey, type TopicView, topicStore } from "./store.js";
import type { Topic } from "./topic.js";

const FanfareContext = createContext<Client | undefined>(undefined);

export interface FanfareProviderProps {
  /** A `Fanfare`. Whoever made it closes it. */
  readonly client: Client;
  readonly children?: ReactNode;
}

/** Makes a client known to all components below. */
export function FanfareProvider({ client, children }: FanfareProviderProps): ReactElement {
  return createElement(FanfareContext, { value: client }, children);
}

/** The client of the nearest `FanfareProvider`. */
export function useFanfare(): Client {
  const client = useContext(FanfareContext);
  if (!client) throw new Error("there is no client: put a `FanfareProvider` above this component");
  return client;
}

/** A topic as it is now, and the handle to publish to it. */
export interface UsedTopic<T> extends TopicView<T> {
  readonly topic: Topic<T>;
}

/** Draws the component anew as the topic changes. Components that ask for the same share one watch. */
export function useTopic<T = unknown>(name: string, options: StoreOptions = {}): UsedTopic<T> {
  const client = useFanfare();
  const key = storeKey(name, options);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the options, which are written anew each time
  const store = useMemo(() => topicStore<T>(client, name, options), [client, key]);
  const view = useSyncExternalStore<TopicView<T>>(
    store.subscribe,
    store.getSnapshot,
    () => EMPTY_VIEW,
  );
  return useMemo(() => ({ ...view, topic: client.topic<T>(name) }), [view, client, name]);
}

/** On a server that renders there is no connection. */
const IDLE: ConnectionState = { status: "idle" };

/** Where the connection stands. */
export function useConnection(): ConnectionState {
  const client = useFanfare();
  const subscribe = useMemo(() => (listener: () => void) => client.on("state", listener), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => IDLE,
  );
}
