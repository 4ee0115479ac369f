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
