import { createContext, createElement, useContext, useMemo, useState, useSyncExternalStore, type ReactElement, type ReactNode } from "react";

import type { Client, State } from "./client.js";
import type { JourneyResume, Me } from "./types.js";

interface Provided {
  client: Client;
  initial: State;
}

const Context = createContext<Provided | undefined>(undefined);

export interface RejoinProviderProps {
  /** Create it once, outside of the component or in state: another client is another connection. */
  client: Client;
  /** The document that the server rendered the page with, if it did. */
  initial?: Me | undefined;
  children?: ReactNode;
}

/** Provides a client to useConsumer. */
export function RejoinProvider({ client, initial, children }: RejoinProviderProps): ReactElement {
  const [first] = useState(client); // the document is its consumer's, and no later client's
  const provided = useMemo<Provided>(() => ({ client, initial: initial && client === first ? { document: initial } : {} }), [client, initial]);
  return createElement(Context.Provider, { value: provided }, children);
}

export interface UseConsumer {
  /** The consumer's document, once there is one. */
  consumer: Me | undefined;
  /** The consumer's journeys in order of stage: admitted, participating, on a waitlist. Within a stage, the most recent comes first. */
  activeJourneys: JourneyResume[];
  /** There is neither a document nor an error yet. */
  isLoading: boolean;
  /**
   * Why there is no document yet, while the client goes on trying, or why the document is not
   * kept current any more.
   */
  error: Error | undefined;
}

const none: JourneyResume[] = [];

/**
 * Returns the consumer as of now, and renders again when that changes. All uses below one
 * RejoinProvider share one connection, which is open while one of them is mounted.
 */
export function useConsumer(): UseConsumer {
  const provided = useContext(Context);
  if (!provided) {
    throw new Error("useConsumer must be used within a RejoinProvider");
  }
  const { client, initial } = provided;
  const state = useSyncExternalStore(client.consumer.subscribe, client.consumer.state, () => initial);
  const document = state.document ?? initial.document;
  const error = document && !state.hasEnded ? undefined : state.error;
  return { consumer: document, activeJourneys: document?.journeys ?? none, isLoading: !document && !error, error };
}
