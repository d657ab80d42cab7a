import type { Environment } from "./environment.js";

/** A message between tabs: a question, what the leading tab tells, or its answer. */
type Message<T> = { kind: "question" } | { kind: "news" | "answer"; value: T };

/** What a tab does in a group of tabs. */
export interface Member<T> {
  /** Returns the newest value, for a tab that has just joined. */
  newest(): T | undefined;
  /** Receives what the leading tab tells, or its answer to this tab, which may be older than what this tab has. */
  hear(value: T, isAnswer: boolean): void;
  /** Leads the group until the signal is aborted, and tells the others what is new. */
  lead(tell: (value: T) => void): Promise<void>;
}

/**
 * Joins the tabs with a name until the signal is aborted or this tab has led. One tab at a time
 * leads. Where a browser lacks Web Locks or BroadcastChannel or denies them, every tab does.
 */
export async function join<T>({ tabs }: Environment, name: string, signal: AbortSignal, member: Member<T>): Promise<void> {
  if (!tabs) {
    return member.lead(() => undefined);
  }
  let channel: BroadcastChannel | undefined;
  const send = (message: Message<T>): void => channel?.postMessage(message);
  let leads = false;
  try {
    channel = tabs.open(name);
    channel.onmessage = ({ data }: MessageEvent<Message<T>>) => {
      if (data.kind !== "question") {
        if (!leads) member.hear(data.value, data.kind === "answer");
      } else if (leads) {
        const value = member.newest();
        if (value !== undefined) send({ kind: "answer", value });
      }
    };
    send({ kind: "question" });
    await tabs.locks.request(name, { signal }, () => {
      leads = true;
      return member.lead((value) => send({ kind: "news", value }));
    });
  } catch (error) {
    if (signal.aborted) return; // it left while another tab led
    if (leads) throw error;
    return await member.lead(() => undefined);
  } finally {
    channel?.close();
  }
}
