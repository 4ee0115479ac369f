/** Hands items over no faster than they are sent. */
export interface Outbox {
  /** Takes an item: `hand` gives it to the client, now or when there is room. */
  add(hand: () => void): void;
  /** Sends everything that was added before. Rejects with what the last sending rejected with. */
  flush(): Promise<void>;
}

/**
 * Stands before a client that keeps what it has not sent yet in a queue, and silently drops what does not fit: after `room`
 * items the client is emptied by `send` before it gets more. A region whose VMs all fail for one reason tells of thousands
 * within a moment. Of what has to wait, at most `most` items are kept; more are dropped, as memory has its end, too.
 */
export function outbox(send: () => Promise<void>, room = 1_000, most = 50_000): Outbox {
  let waiting: (() => void)[] = [];
  let handed = 0;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      await send().catch(() => undefined);
      const now = waiting.slice(0, room);
      waiting = waiting.slice(room);
      handed = now.length;
      for (const hand of now) hand();
    }
    draining = undefined;
  }

  return {
    add(hand) {
      if (!draining && handed < room) {
        handed++;
        hand();
        return;
      }
      if (waiting.length < most) waiting.push(hand);
      draining ??= drain();
    },
    async flush() {
      await draining;
      handed = 0;
      await send();
    },
  };
}
