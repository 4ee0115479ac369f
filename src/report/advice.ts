import { type Reason, reasons } from '../domain/reasons.ts';

/** Reasons that only the report has: of VMs that lack their goal identity while no look at them explains it. */
const reportReasons = {
  'goal-missing': {
    meaning: 'The VM lacks its goal identity, and how the last look at it ended is not known.',
    next: 'The sweep assigns it, or the next report says why it could not.',
  },
  'goal-replaced': {
    meaning: 'The goal identity that the VM carries is no more: it was deleted, or deleted and made again.',
    next: 'The sweep gives {vm} the one that is there now, or the next report says why it could not.',
  },
  'goal-lost': {
    meaning: 'The last sweep left the VM with its goal identity, and it lacks it again.',
    next: 'Find out which tool or policy removes identities from {vm}; the sweep assigns it again.',
  },
} as const satisfies Record<string, Reason>;

const byCode = new Map<string, Reason>(
  [...Object.values(reasons), reportReasons].flatMap((codes) => Object.entries<Reason>(codes)),
);

/** What a reason of the report means, and what to do about it, with places for ids. Empty texts for an unknown one. */
export function adviceOn(reason: string): Reason {
  return byCode.get(reason) ?? { meaning: '', next: '' };
}

/** The next step that the look at a VM found itself, where it is that look which gave the reason. */
export function ownNext(
  reason: string,
  last: { readonly reason: string; readonly next?: string | undefined } | undefined,
): string | undefined {
  return last?.reason === reason ? last.next : undefined;
}
