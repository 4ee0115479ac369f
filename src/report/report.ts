import type { OutcomeName } from '../domain/outcome.ts';
import type { Effect, IdentityMode, SingleIdentityRule } from '../domain/policy.ts';
import type { Problem } from '../remediation/problems.ts';
import type { Standing, State } from './standing.ts';

/** What the compliance report says: plain data, from which HTML, JSON and CSV are made. Times are ISO 8601, UTC. */
export interface Report {
  readonly version: 1;
  /** When Resource Graph was asked. */
  readonly generatedAt: string;
  /** The sweep that made it; absent when a person asked for it. */
  readonly sweepId?: string;
  /** When the next sweep makes the next report; absent when a person asked for this one. */
  readonly nextSweepAt?: string;
  readonly settings: ReportSettings;
  readonly tenant: Standing;
  /** The one with most VMs that lack their identity first. */
  readonly subscriptions: readonly SubscriptionStanding[];
  /** Likewise. */
  readonly regions: readonly RegionStanding[];
  /** Every VM counted, by state and reason. */
  readonly reasons: readonly ReasonCount[];
  /** VMs listed one by one: those that lack their identity first, then by name. */
  readonly rows: readonly ReportRow[];
  /** VMs that are counted and not listed, and why. */
  readonly unlisted: readonly Unlisted[];
  /** What needs a person, the one that holds back most VMs first; what may pass by itself comes last. */
  readonly problems: readonly ReportProblem[];
  /** The last sweeps, oldest first, this one included. */
  readonly trend: readonly TrendPoint[];
  /** What is different from the sweep before; absent when there was none. */
  readonly changes?: Changes;
  /** False when nothing is known of earlier sweeps and of how looks at VMs ended. */
  readonly historyKnown: boolean;
}

/** The settings a reader must know to read the figures. */
export interface ReportSettings {
  readonly scopes: readonly string[];
  readonly excludedScopes: readonly string[];
  readonly exclusionTag?: string;
  readonly effect: Effect;
  readonly identityMode: IdentityMode['kind'];
  /** The goal identity, with `{subscription}` and `{region}` where it varies. */
  readonly goal: string;
  readonly singleIdentityRule: SingleIdentityRule;
  readonly includeManagedGroups: boolean;
  /** The portal of this cloud, for links. */
  readonly portal: string;
}

export interface RegionStanding extends Standing {
  readonly location: string;
}

export interface SubscriptionStanding extends Standing {
  readonly id: string;
  readonly name: string;
  readonly regions: readonly RegionStanding[];
}

export interface ReasonCount {
  readonly state: State;
  readonly reason: string;
  readonly vms: number;
  readonly meaning: string;
}

/** One VM. */
export interface ReportRow {
  readonly id: string;
  readonly name: string;
  readonly subscriptionId: string;
  readonly subscriptionName: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly state: State;
  /** A reason code, or `goal-missing` or `goal-lost`. */
  readonly reason: string;
  readonly meaning: string;
  /** What to do; empty when there is nothing to do. */
  readonly next: string;
  /** Id of the identity it should carry. */
  readonly goal: string;
  readonly identityType: string;
  /** Ids of the user-assigned identities it carries. */
  readonly identities: readonly string[];
  /** How the last look at it ended, where that is known. */
  readonly last?: LastOutcome;
}

export interface LastOutcome {
  readonly outcome: OutcomeName;
  readonly reason: string;
  readonly at: string;
  /** Azure's own words. */
  readonly detail?: string;
  /** The next step where the look knew more than the reason's own says. */
  readonly next?: string;
}

export interface Unlisted {
  readonly vms: number;
  readonly why: string;
}

export interface ReportProblem extends Readonly<Problem> {
  /** When a report first had it; absent when that is not known. */
  readonly since?: string;
  /** Not in the report before. */
  readonly isNew: boolean;
  /** Trying again may help, so it may be gone by the next report. */
  readonly passing: boolean;
}

export interface TrendPoint {
  readonly at: string;
  readonly sweepId: string;
  readonly vms: number;
  readonly compliant: number;
  readonly excluded: number;
}

export interface Changes {
  /** When the report before was made. */
  readonly since: string;
  readonly before: Standing;
  /** Subscriptions whose number of VMs that lack their identity changed most. */
  readonly subscriptions: readonly {
    readonly id: string;
    readonly name: string;
    readonly lackingBefore: number;
    readonly lacking: number;
  }[];
  /** How the VMs that the sweep before looked at ended. */
  readonly worked: { readonly assigned: number; readonly failed: number; readonly deferred: number };
  readonly newProblems: number;
  /** What needed a person in the report before and does no longer. */
  readonly solved: readonly { readonly subject: string; readonly reason: string }[];
}
