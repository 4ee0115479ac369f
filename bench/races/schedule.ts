import { seededRandom } from '../../emulator/random.ts';

/** What rivals do to VMs; `event` is a message about the VM to the contender's second copy. */
export type RivalKind =
  | 'system on'
  | 'system off'
  | 'identity added'
  | 'identity removed'
  | 'whole PUT'
  | 'deleted and made again'
  | 'deleted'
  | 'event';

/** One thing a rival does to a VM. */
export interface RivalAct {
  readonly kind: RivalKind;
  /** Begins once the contender's sweep has read the VM, or once its write was accepted. */
  readonly after: 'read' | 'write';
  /** How long after that, in ms of the machine's time. */
  readonly delayMs: number;
  /** Whether the sweep's next request about the VM comes after the act, however slow the machine; else they run freely. */
  readonly first: boolean;
  /** How long a whole PUT rests on its reading, in ms of the machine's time. */
  readonly heldMs: number;
  /** Chooses among identities, 0 to 1. */
  readonly pick: number;
}

// How often, relative to each other.
const KINDS: readonly (readonly [RivalKind, number])[] = [
  ['system on', 20],
  ['system off', 12],
  ['identity added', 20],
  ['identity removed', 12],
  ['whole PUT', 14],
  ['deleted and made again', 6],
  ['deleted', 3],
  ['event', 13],
];
const WEIGHT = KINDS.reduce((sum, [, weight]) => sum + weight, 0);
const MOST_ACTS = 5;
const AFTER_READ = 0.6;
const FIRST = 0.75;
// About what a request and its answer take (`wire.ts`), so that acts that run freely fall on either side of the next one.
const LONGEST_DELAY_MS = 25;
const LONGEST_HELD_MS = 40;

/** What rivals do to the VM with this number. The same for the same seed and number, whoever the contender is. */
export function actsOn(number: number, seed: number): RivalAct[] {
  const random = seededRandom(seed * 1_000_003 + number);
  return Array.from({ length: 1 + Math.floor(random() * MOST_ACTS) }, () => kindAt(random() * WEIGHT)).map(
    (kind) => ({
      kind,
      after: random() < AFTER_READ ? 'read' : 'write',
      // Azure takes a minute or so to delete a VM: nobody's request is on its way for so long.
      first: random() < FIRST && kind !== 'deleted and made again',
      delayMs: random() * LONGEST_DELAY_MS,
      heldMs: random() * LONGEST_HELD_MS,
      pick: random(),
    }),
  );
}

function kindAt(weight: number): RivalKind {
  let left = weight;
  for (const [kind, part] of KINDS) {
    left -= part;
    if (left < 0) return kind;
  }
  return 'event';
}
