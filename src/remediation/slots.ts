/** A number of places for work that runs at the same time. Whoever waits is served in order. */
export interface Slots {
  /** Waits for a free place and takes it. */
  enter(): Promise<void>;
  /** Gives the place back. */
  leave(): void;
}

/** Makes `places` places. */
export function slots(places: number): Slots {
  let free = places;
  const waiting: (() => void)[] = [];
  return {
    async enter() {
      if (free > 0) free--;
      else await new Promise<void>((admit) => waiting.push(admit));
    },
    leave() {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
  };
}

/** Runs work one after the other where no place is free. */
export function inSlots({ enter, leave }: Slots): <T>(work: () => Promise<T>) => Promise<T> {
  return async (work) => {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
