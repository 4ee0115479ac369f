import { z } from 'zod';

/** An item of telemetry as it arrived: the envelope that Application Insights' SDKs send. */
export const envelopeSchema = z.looseObject({
  name: z.string(),
  time: z.iso.datetime({ offset: true }),
  iKey: z.string().optional(),
  tags: z.record(z.string(), z.unknown()).optional(),
  data: z.looseObject({ baseType: z.string(), baseData: z.record(z.string(), z.unknown()) }),
});

export type Envelope = z.output<typeof envelopeSchema>;

/** The telemetry that arrived, oldest first. */
export interface Received {
  add(item: Envelope): void;
  items(): readonly Envelope[];
  clear(): void;
}

// About a hundred megabytes; what is older goes.
const MOST_ITEMS = 100_000;

/** Makes an empty list of bounded length. */
export function createReceived(most = MOST_ITEMS): Received {
  let items: Envelope[] = [];
  return {
    add(item) {
      items.push(item);
      // Seldom and many at a time, since each cut copies the list.
      if (items.length > most * 1.1) items = items.slice(-most);
    },
    items: () => items.slice(-most),
    clear() {
      items = [];
    },
  };
}
