import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { groupManagedBy, identityPrincipal, isLocked } from '../azure/managedIdentities.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { readVm } from '../azure/virtualMachines.ts';
import { type ListedVm, oneVm } from '../azure/vmLists.ts';
import { type Contest, contestText } from '../domain/contest.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { isMadeByUs } from '../domain/identityRules.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold, parseIdentityId, type ResourceId } from '../domain/resourceId.ts';
import { type Given, NO_PRINCIPAL, type Rule, rulesOfId, rulesOfVm, type VmFacts } from '../domain/rules.ts';
import { outcomeOfError } from './changeIdentity.ts';
import { contestAbout } from './contests.ts';
import { danglingOf } from './danglingIdentities.ts';

/** One rule, as it turned out for the VM. */
export interface RuleCheck {
  /** The reason code the rule gives where it holds. */
  readonly reason: string;
  /** True where it holds, so that the VM is left alone; undefined where it needs a VM that could not be read. */
  readonly holds: boolean | undefined;
  readonly saw: string;
}

/** Everything there is to say about one VM. */
export interface Explanation {
  readonly vm: ResourceId;
  /** The VM as just read; undefined when it could not be. */
  readonly facts: VmFacts | undefined;
  readonly rules: readonly RuleCheck[];
  /** How a sweep that looked at the VM now would end it; undefined: it would assign the goal identity. */
  readonly verdict: Outcome | undefined;
  /** The identity the VM should carry; undefined when its location is not known. */
  readonly goal: GoalFacts | undefined;
  /** Folded ids of identities that the VM carries and that do not exist. */
  readonly dangling: readonly string[];
  /** Others that keep taking the goal identity from the VM; undefined when there are none, or nothing is known. */
  readonly contest: Contest | undefined;
  /** What Resource Graph knows of the VM, which is how a sweep finds it; undefined when it knows nothing. */
  readonly graph: ListedVm | undefined;
  /** True when Resource Graph shows the same as the VM itself. */
  readonly graphIsCurrent: boolean;
  /** What the next sweep will do, in a sentence. */
  readonly nextSweep: string;
}

/** What is known of the goal identity. */
export interface GoalFacts {
  readonly id: string;
  readonly exists: boolean | undefined;
  readonly principal?: string;
  readonly locked: boolean | undefined;
  /** Why existence or lock are not known. */
  readonly unknownBecause?: string;
}

/** Explains one VM, read fresh, by the rules `decide` goes by. Writes nothing. Throws ScopeError or AzureError. */
export async function explainVm(app: App, vm: ResourceId): Promise<Explanation> {
  const { clients, settings } = app;
  const { policy } = settings;
  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  const given = { policy, scopes: coverage.scopes };
  const [read, graph] = await Promise.all([readFacts(app, vm), askGraph(app, coverage, vm)]);
  const facts = 'failed' in read ? undefined : read;
  const goalId = facts && goalIdentity(policy.identity, { ...vm, location: facts.location });
  const goal = goalId === undefined ? undefined : await goalFacts(app, goalId);
  const goalPrincipal = goal?.exists === false ? NO_PRINCIPAL : goal?.principal;
  const subject = facts && { ...facts, goal: goalId ?? '', goalPrincipal };
  const rules = [
    ...rulesOfId.map((rule) => check(rule, vm, given)),
    ...rulesOfVm.map((rule) => check(rule, subject, given)),
  ];
  const first = [...rulesOfId, ...rulesOfVm].find((_, index) => rules[index]?.holds);
  const contest =
    goalId === undefined ? undefined : await contestAbout(app, vm, goalId).catch(() => undefined);
  const verdict =
    first?.leave ??
    ('failed' in read ? read.failed : (missingIdentity(app, goal) ?? contested(app, contest)));
  return {
    vm,
    facts,
    rules,
    verdict,
    goal,
    dangling: [...(await danglingOf(app, facts?.identity.userAssigned ?? [], goalId ?? ''))],
    contest,
    graph,
    graphIsCurrent: facts !== undefined && graph !== undefined && isSame(facts, graph),
    nextSweep: nextSweep(verdict, goal, graph),
  };
}

async function readFacts(app: App, vm: ResourceId): Promise<VmFacts | { readonly failed: Outcome }> {
  try {
    const [{ facts }, managedBy] = await Promise.all([
      readVm(app.clients, vm),
      groupManagedBy(app.clients, vm.subscriptionId, vm.resourceGroup),
    ]);
    return { ...facts, groupManagedBy: managedBy };
  } catch (error) {
    return { failed: outcomeOfError(app, vm, toAzureError(error)) };
  }
}

// A subscription that Resource Graph shows us nothing of is answered with an error; the explanation goes on.
async function askGraph(app: App, coverage: Coverage, vm: ResourceId): Promise<ListedVm | undefined> {
  return oneVm(app.clients, coverage, app.settings, vm).catch((error: unknown) => {
    const { kind } = toAzureError(error);
    if (kind === 'forbidden' || kind === 'not-found' || kind === 'invalid-request') return undefined;
    throw error;
  });
}

function check<Subject>(rule: Rule<Subject>, subject: Subject | undefined, given: Given): RuleCheck {
  const { reason } = rule.leave;
  return subject === undefined
    ? { reason, holds: undefined, saw: 'the VM could not be read' }
    : { reason, holds: rule.holds(subject, given), saw: rule.saw(subject, given) };
}

async function goalFacts({ clients }: App, goal: string): Promise<GoalFacts> {
  const id = parseIdentityId(goal);
  if (!id) return { id: goal, exists: undefined, locked: undefined, unknownBecause: 'it is no identity id' };
  try {
    const principal = await identityPrincipal(clients, id);
    if (principal === undefined) return { id: goal, exists: false, locked: false };
    return { id: goal, exists: true, principal, locked: await isLocked(clients, id) };
  } catch (error) {
    const { message } = toAzureError(error);
    return { id: goal, exists: undefined, locked: undefined, unknownBecause: message };
  }
}

function missingIdentity({ settings }: App, goal: GoalFacts | undefined): Outcome | undefined {
  if (goal?.exists !== false || isMadeByUs(settings.policy.identity)) return undefined;
  return outcome('failed', 'identity-missing');
}

function contested({ clock }: App, contest: Contest | undefined): Outcome | undefined {
  return contest && clock.now() < contest.until
    ? outcome('deferred', 'contested', contestText(contest))
    : undefined;
}

function isSame(facts: VmFacts, graph: ListedVm): boolean {
  const keys = ({ userAssigned }: VmFacts['identity']) => userAssigned.map(fold).sort().join();
  return (
    fold(facts.location) === fold(graph.location) &&
    facts.identity.system === graph.identity.system &&
    keys(facts.identity) === keys(graph.identity) &&
    fold(facts.provisioningState) === fold(graph.provisioningState)
  );
}

function nextSweep(
  verdict: Outcome | undefined,
  goal: GoalFacts | undefined,
  graph: ListedVm | undefined,
): string {
  const found = graph?.verdict === GOAL_MISSING;
  if (verdict) {
    const ending = `${verdict.outcome} (${verdict.reason})`;
    if (verdict.outcome === 'failed') return `cannot assign: ${ending}`;
    // These do not go by what the VM looks like, so that it is not read, and Resource Graph may be right about it.
    const unread = verdict.outcome === 'deferred' || rulesOfId.some(({ leave }) => leave === verdict);
    return found && !unread
      ? `reads it, since Resource Graph does not know that yet, and leaves it alone: ${ending}`
      : `leaves it alone: ${ending}`;
  }
  const making = goal?.exists === false ? 'makes the goal identity, ' : '';
  if (found) return `finds it in Resource Graph, ${making}reads it, adds the goal identity and confirms it`;
  return graph
    ? `does not find it yet: Resource Graph still says ${graph.verdict}, and is behind by 30 to 60 seconds as a rule`
    : 'does not find it yet: Resource Graph does not know it, as it does for up to a minute after a VM was made';
}
