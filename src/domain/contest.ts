/** Somebody else took the goal identity from a VM. */
export interface Removal {
  /** Ms since 1970. */
  readonly at: number;
  /** Who, as Azure says: an application id or the address of a person. */
  readonly by: string;
  /** With what, as far as Azure knows: "Azure Portal", "Unknown", an application id. */
  readonly client: string;
}

/** A VM from which others keep taking the goal identity. */
export interface Contest {
  readonly times: number;
  readonly last: Removal;
  /** Not written again before, in ms since 1970. */
  readonly until: number;
}

/** From how many removals on it is a contest. Once or twice may be a mistake, or a roll-back. */
export const FEWEST_REMOVALS = 3;

const HOUR = 60 * 60_000;
const FIRST_PAUSE_MS = 4 * HOUR;
const LONGEST_PAUSE_MS = 72 * HOUR;

/**
 * Judges the removals that Azure still remembers (14 days). The pause after the last one grows with their number: 4
 * hours after the third, doubling up to 72, so that a fight costs some ten writes in two weeks, and never ends unheard.
 */
export function contestOf(removals: readonly Removal[]): Contest | undefined {
  if (removals.length < FEWEST_REMOVALS) return undefined;
  const last = removals.reduce((latest, one) => (one.at > latest.at ? one : latest));
  const pause = FIRST_PAUSE_MS * 2 ** (removals.length - FEWEST_REMOVALS);
  return { times: removals.length, last, until: last.at + Math.min(pause, LONGEST_PAUSE_MS) };
}

/** A contest in words. */
export function contestText({ times, last, until }: Contest): string {
  const time = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  return `Taken away ${times} times in 14 days, last at ${time(last.at)} by ${last.by || 'somebody unknown'} (client ${last.client || 'unknown'}). Assigned again after ${time(until)}.`;
}

/** One entry of a change record: what a property was and is. Absent and the text "null" both mean that it is not there. */
export interface PropertyChange {
  readonly previousValue?: string | null | undefined;
  readonly newValue?: string | null | undefined;
}

/**
 * True when the changed properties of a VM, by path, say that the identity was taken away. How Azure spells the paths of
 * identities is documented nowhere: the id may be part of the path, or of the values.
 */
export function takesAway(changes: Readonly<Record<string, PropertyChange>>, identity: string): boolean {
  const mentioned = mentions(identity);
  return Object.entries(changes).some(([path, { previousValue, newValue }]) => {
    const was = present(previousValue);
    const is = present(newValue);
    if (mentioned.test(path)) return was !== '' && is === '';
    return mentioned.test(was) && !mentioned.test(is);
  });
}

// The id as a whole: the name of one region's identity is the beginning of another's.
function mentions(id: string): RegExp {
  return new RegExp(`${id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'i');
}

function present(value: string | null | undefined): string {
  return value === undefined || value === null || value === 'null' ? '' : value;
}
