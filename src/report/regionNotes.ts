import { z } from 'zod';
import { count, emptyTally, type Outcome, type OutcomeName, type Tally } from '../domain/outcome.ts';
import { oneLine } from '../domain/printable.ts';
import { reasons } from '../domain/reasons.ts';
import { fold } from '../domain/resourceId.ts';
import type { Problem } from '../remediation/problems.ts';
import type { VmReport } from '../remediation/vm.ts';

const MOST_OF_A_KIND = 10_000;
const LONGEST_DETAIL = 600;
const outcomeNames = z.enum(Object.keys(reasons) as [OutcomeName, ...OutcomeName[]]);

const noteSchema = z.object({
  id: z.string().max(1000),
  outcome: outcomeNames,
  reason: z.string().max(100),
  at: z.iso.datetime(),
  detail: z.string().max(LONGEST_DETAIL).optional(),
  next: z.string().max(LONGEST_DETAIL).optional(),
});

/**
 * What the runs of one sweep left to say about one region. Commentary: which VMs lack what is Resource Graph's to say,
 * so nothing is wrong when notes are lost, old or incomplete.
 */
export const regionNotesSchema = z.object({
  version: z.literal(1),
  sweepId: z.string().max(100),
  location: z.string().max(100),
  at: z.iso.datetime(),
  tally: z.record(outcomeNames, z.record(z.string(), z.number())),
  /** How VMs ended, at most 10,000 for each outcome. */
  vms: z.array(noteSchema),
  /** Problems that are not about the outcome of a VM. */
  problems: z.array(
    z.object({ subject: z.string(), reason: z.string(), detail: z.string(), next: z.string() }),
  ),
});

export type RegionNotes = z.infer<typeof regionNotesSchema>;
export type VmNote = z.infer<typeof noteSchema>;

/** Takes notes while a run works on a region. Its size is bounded. */
export interface NoteTaker {
  add(report: VmReport): void;
  /** True when nothing was noted. */
  isEmpty(): boolean;
  /** The notes of the run, joined with what earlier runs of the same sweep noted. */
  close(problems: readonly Problem[], earlier: RegionNotes | undefined): RegionNotes;
}

/** Begins to take notes of a run; `now` yields ms since 1970. */
export function noteTaker(about: { sweepId: string; location: string }, now: () => number): NoteTaker {
  const tally = emptyTally();
  const taken = new Map<string, VmNote>();
  const ofKind = new Map<OutcomeName, number>();
  const time = () => new Date(now()).toISOString();

  function keep(note: VmNote): void {
    const key = fold(note.id);
    if (taken.has(key)) return;
    const kept = ofKind.get(note.outcome) ?? 0;
    if (kept >= MOST_OF_A_KIND) return;
    ofKind.set(note.outcome, kept + 1);
    taken.set(key, note);
  }

  return {
    add({ vm, outcome }) {
      count(tally, outcome);
      keep({ id: vm.id, ...noteOf(outcome), at: time() });
    },
    isEmpty: () => taken.size === 0,
    close(problems, earlier) {
      const same = earlier?.sweepId === about.sweepId ? earlier : undefined;
      // A VM that failed in an earlier run of the sweep is looked at again: it ends once, as this run says.
      const again = (same?.vms ?? []).filter(({ id }) => taken.has(fold(id)));
      for (const note of same?.vms ?? []) keep(note);
      return {
        version: 1,
        ...about,
        at: time(),
        tally: sum(tally, same?.tally, again),
        vms: [...taken.values()],
        problems: [
          ...problems
            .filter(({ vms }) => vms === 0)
            .map(({ subject, reason, detail, next }) => ({ subject, reason, detail, next })),
          ...(same?.problems ?? []),
        ],
      };
    },
  };
}

function noteOf({ outcome, reason, detail, next }: Outcome): Omit<VmNote, 'id' | 'at'> {
  const cut = (text: string) => oneLine(text).slice(0, LONGEST_DETAIL);
  return {
    outcome,
    reason,
    ...(detail !== undefined && { detail: cut(detail) }),
    ...(next !== undefined && { next: cut(next) }),
  };
}

function sum(tally: Tally, more: RegionNotes['tally'] | undefined, again: readonly VmNote[]): Tally {
  for (const [outcome, codes] of Object.entries(more ?? {})) {
    for (const [reason, times] of Object.entries(codes)) {
      const once = times - again.filter((note) => note.outcome === outcome && note.reason === reason).length;
      if (once > 0) count(tally, { outcome, reason } as Outcome, once);
    }
  }
  return tally;
}
