import type { AzureError } from '../azure/errors.ts';
import type { ScopeProblem } from '../azure/scopeResolution.ts';
import { needsPerson, nextStep, reasonText } from '../domain/outcome.ts';
import { oneLine } from '../domain/printable.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import type { GoalIdentities } from './goalIdentities.ts';
import type { Plan } from './plan.ts';
import type { VmReport } from './vm.ts';

/** Something a person should look at: one for each cause, however many VMs it holds back (R13). */
export interface Problem {
  /** What it is about: a scope, a subscription, an identity or a VM. */
  readonly subject: string;
  /**
   * A reason code, or `scope-unreadable`, `identity-unlocked`, `identity-dangling`, `region-unread`, `history-unread`,
   * `renewals-unread`, `locks-unread`, `dangling-unread`.
   */
  readonly reason: string;
  readonly detail: string;
  readonly next: string;
  /** How many VMs it holds back. */
  vms: number;
}

// These concern one VM each; everything else failed concerns its subscription or the goal identity there.
const ABOUT_ONE_VM = new Set([
  'contested',
  'read-only-lock',
  'conflict',
  'not-kept',
  'not-removed',
  'no-etag',
  'operation-failed',
  'not-allowed',
  'deny-policy',
]);
const ABOUT_THE_IDENTITY = new Set([
  'identity-missing',
  'identity-dead',
  'identity-forbidden',
  'identity-not-ready',
  'identity-region',
]);
const MOST_PROBLEMS = 1000;

/** Collects problems while a sweep runs. */
export interface Problems {
  /** Adds a problem that is not about the outcome of a VM; the same subject and reason only once. */
  add(problem: Omit<Problem, 'vms'>): void;
  /** Adds a scope that cannot be worked on. */
  addScope(problem: ScopeProblem): void;
  /** Adds a VM whose end needs a person to the problem it belongs to; other ends are no problem. */
  addFailure(report: VmReport): void;
  /** Everything found, the one that holds back most VMs first. */
  list(): Problem[];
}

/** Makes a collector. Its size is bounded; failures that do not fit are still counted in the tally of outcomes. */
export function problemCollector(): Problems {
  const found = new Map<string, Problem>();

  function entry({ subject, reason, detail, next }: Omit<Problem, 'vms'>): Problem {
    const key = `${reason} ${fold(subject)}`;
    // Regions, ids and messages are Azure's, and so are names in them: on a line each.
    const texts = { subject: oneLine(subject), reason, detail: oneLine(detail), next: oneLine(next) };
    const known = found.get(key) ?? { ...texts, vms: 0 };
    if (found.size < MOST_PROBLEMS) found.set(key, known);
    return known;
  }

  return {
    add: entry,
    addScope: ({ scope, message, next }) =>
      entry({ subject: scope, reason: 'scope-unreadable', detail: message, next }),
    addFailure({ vm, goal, outcome }) {
      if (!needsPerson(outcome)) return;
      const subject = subjectOf(outcome.reason, vm, goal);
      const detail = outcome.detail ?? reasonText(outcome).meaning;
      entry({ subject, reason: outcome.reason, detail, next: nextStep(outcome, vm, goal) }).vms++;
    },
    list: () => [...found.values()].sort((a, b) => b.vms - a.vms),
  };
}

/** Reports identities that exist but could not be locked; assigning goes on all the same. */
export function noticingUnlocked(
  identities: GoalIdentities,
  problems: Pick<Problems, 'add'>,
): GoalIdentities {
  return {
    ...identities,
    async ensure(goal, vm) {
      const identity = await identities.ensure(goal, vm);
      if (identity.state === 'ready' && identity.unlocked) {
        const { detail, next } = identity.unlocked;
        problems.add({ subject: goal, reason: 'identity-unlocked', detail, next });
      }
      return identity;
    },
  };
}

function subjectOf(reason: string, vm: ResourceId, goal: string): string {
  if (ABOUT_ONE_VM.has(reason)) return vm.id;
  return ABOUT_THE_IDENTITY.has(reason) ? goal : `/subscriptions/${vm.subscriptionId}`;
}

/** The problem that a region could not be read, all of it or some subscriptions. */
export function regionUnread(location: string, { message }: AzureError): Omit<Problem, 'vms'> {
  return {
    subject: location,
    reason: 'region-unread',
    detail: message,
    next: 'The next sweep tries again.',
  };
}

/** Notes that Azure's change history cannot be read, so that contested VMs are written all the same. */
export function noticingUnread(problems: Problems): (error: AzureError) => void {
  return ({ message }) => {
    problems.add({
      subject: 'resourcechanges',
      reason: 'history-unread',
      detail: message,
      next: 'VMs that others keep changing back are not recognised until it can be read again.',
    });
  };
}

/** Notes that VMs with an identity that is no more could not be counted, so that they count as compliant. */
export function noteRenewals(problems: Problems, { renewalsUnread }: Pick<Plan, 'renewalsUnread'>): void {
  if (!renewalsUnread) return;
  problems.add({
    subject: 'resources',
    reason: 'renewals-unread',
    detail: renewalsUnread.message,
    next: 'VMs whose goal identity was deleted and made again are not recognised until it can be read again.',
  });
}
