/** How many VMs may still be written. Who wants to write one takes from it first, and says afterwards what became of that. */
export interface WriteLimit {
  /** Takes one. Where all are taken, waits until one is given back; false once all are spent. */
  take(): Promise<boolean>;
  /** What was taken is used up: Azure accepted a write, or may have. */
  spend(): void;
  /** What was taken is left to others: nothing was written. */
  giveBack(): void;
  /** How many are not spent. */
  left(): number;
}

/** Makes a limit of `most` writes; Infinity is none. */
export function writeLimit(most: number): WriteLimit {
  let free = most;
  let taken = 0;
  const waiting: ((granted: boolean) => void)[] = [];

  const endWaiting = (): void => {
    if (taken > 0 || free > 0) return;
    for (const settle of waiting.splice(0)) settle(false);
  };
  return {
    async take() {
      if (free > 0) {
        free--;
        taken++;
        return true;
      }
      return taken > 0 ? new Promise<boolean>((settle) => waiting.push(settle)) : false;
    },
    spend() {
      taken--;
      endWaiting();
    },
    giveBack() {
      const next = waiting.shift();
      if (next) {
        next(true);
        return;
      }
      taken--;
      free++;
    },
    left: () => free + taken,
  };
}
