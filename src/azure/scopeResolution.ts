import { z } from 'zod';
import { grantSteps, remediatorRole } from '../domain/azCommands.ts';
import { fold, isGuid, type Scope } from '../domain/resourceId.ts';
import type { ResolvedScopes, ScopeSet } from '../domain/scopes.ts';
import type { AzureClients } from './clients.ts';
import { type AzureError, toAzureError } from './errors.ts';
import { scopesQuery } from './kql.ts';
import { inRequests, type QueryScope, queryPages } from './resourceGraph.ts';

/** A scope that cannot be worked on, and why. */
export interface ScopeProblem {
  readonly scope: string;
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
}

/** The scopes as Azure knows them now. */
export interface Coverage {
  readonly scopes: ResolvedScopes;
  /** Requests that together see every VM in scope exactly once. */
  readonly requests: readonly QueryScope[];
  /** Resource groups that are scopes by themselves: their subscription is in no other scope. */
  readonly groups: readonly Scope[];
  /** Names of the subscriptions, by folded id. */
  readonly subscriptionNames: ReadonlyMap<string, string>;
  readonly problems: readonly ScopeProblem[];
}

/** Folded ids of the subscriptions that the scopes cover, whole or in part, before anything is excluded. */
export function coveredSubscriptions({ scopes, groups }: Coverage): ReadonlySet<string> {
  const ofGroups = groups.map((group) => (group.kind === 'resourceGroup' ? fold(group.subscriptionId) : ''));
  return new Set([...scopes.included.subscriptions, ...ofGroups]);
}

/** The scopes cannot be used at all. The message says which and what to do. */
export class ScopeError extends Error {
  override readonly name = 'ScopeError';
}

type Clients = Pick<AzureClients, 'resourceGraph' | 'signedInAs'>;

const UNREADABLE = 'does not exist, or the remediator cannot read it';
const SUBSCRIPTION_READ = 'Microsoft.Resources/subscriptions/read';
const NO_SUBSCRIPTIONS = 'holds no subscription, or none that the remediator can read';

const containerRow = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  subscriptionId: z.string(),
});

/**
 * Finds out which subscriptions the management groups hold and whether the scopes exist: one query for each
 * management group and one for each 300 subscriptions. A scope that cannot be read is a problem of its own.
 * Throws ScopeError when none can be read, or when an *excluded* management group cannot: it could not be kept out.
 * Throws AzureError when Azure cannot be reached or does not accept our sign-in.
 */
export async function resolveScopes(
  clients: Clients,
  included: readonly Scope[],
  excluded: readonly Scope[],
): Promise<Coverage> {
  const names = new Map<string, string>();
  const unread: Unread[] = [];
  const held: { readonly name: string; readonly found: ReadonlySet<string> }[] = [];
  for (const scope of included) {
    if (scope.kind !== 'managementGroup') continue;
    const found = await subscriptionsUnder(clients, scope.name, names).catch((error: unknown) =>
      passBy(error, scope, unread),
    );
    if (!found) continue;
    // Azure leaves out what we may not read, silently: nothing at all would look like a tenant without VMs.
    if (found.size === 0) unread.push({ scope: scope.id, message: NO_SUBSCRIPTIONS });
    held.push({ name: scope.name, found });
  }
  const underGroups = new Set<string>();
  const requests: QueryScope[] = [];
  // Management groups are apart or one in the other: with the larger ones first, none is asked that another holds.
  for (const { name, found } of held.sort((a, b) => b.found.size - a.found.size)) {
    if (![...found].every((id) => underGroups.has(id))) requests.push({ managementGroup: name });
    for (const id of found) underGroups.add(id);
  }
  const explicit = await explicitScopes(clients, included, underGroups, names, unread);
  const problems = await withNextSteps(clients, included, unread);
  if (problems.length > 0 && requests.length === 0 && explicit.requests.length === 0) {
    throw new ScopeError(`None of the SCOPES can be worked on.\n${problems.map(problemText).join('\n')}`);
  }
  const scopes = {
    included: {
      subscriptions: new Set([...underGroups, ...explicit.subscriptions]),
      resourceGroups: new Set(explicit.groups.map((group) => fold(group.id))),
      virtualMachines: new Set<string>(),
    },
    excluded: await excludedSet(clients, excluded, names),
  };
  const all = [...requests, ...explicit.requests];
  return { scopes, requests: all, groups: explicit.groups, subscriptionNames: names, problems };
}

type Unread = Omit<ScopeProblem, 'next'>;

async function withNextSteps(
  clients: Clients,
  included: readonly Scope[],
  unread: readonly Unread[],
): Promise<ScopeProblem[]> {
  if (unread.length === 0) return [];
  const principal = await clients.signedInAs().catch(() => undefined);
  return unread.map((problem) => {
    const [, subscriptions, subscriptionId = '', groups] = problem.scope.split('/');
    const isGroup = groups !== undefined && fold(subscriptions ?? '') === 'subscriptions';
    const itself = included.filter(({ id }) => id === problem.scope);
    const grant = grantSteps({
      principal: principal ?? '"object id of the remediator"',
      role: remediatorRole(itself.length > 0 ? itself : included, subscriptionId),
      scope: problem.scope,
      actions: [isGroup ? 'Microsoft.Resources/subscriptions/resourceGroups/read' : SUBSCRIPTION_READ],
    });
    return { ...problem, next: `Correct SCOPES if it is wrong. ${grant}` };
  });
}

function problemText({ scope, message, next }: ScopeProblem): string {
  return `  ${scope} ${message}\n    → ${next}`;
}

async function explicitScopes(
  clients: Clients,
  included: readonly Scope[],
  underGroups: ReadonlySet<string>,
  names: Map<string, string>,
  unread: Unread[],
) {
  const subscriptions = new Set<string>();
  const groups = new Map<string, Scope & { kind: 'resourceGroup' }>();
  for (const scope of included) {
    if (scope.kind === 'subscription' && !underGroups.has(fold(scope.subscriptionId))) {
      subscriptions.add(fold(scope.subscriptionId));
    }
  }
  for (const scope of included) {
    if (scope.kind !== 'resourceGroup') continue;
    const subscription = fold(scope.subscriptionId);
    if (!underGroups.has(subscription) && !subscriptions.has(subscription)) {
      groups.set(fold(scope.id), scope);
    }
  }
  const readable = new Set<string>();
  const asked = [...new Set([...subscriptions, ...[...groups.values()].map((g) => fold(g.subscriptionId))])];
  for (const request of inRequests(asked)) {
    try {
      for await (const rows of queryPages(
        clients,
        request,
        scopesQuery([...groups.values()]),
        containerRow,
      )) {
        for (const row of rows) readable.add(fold(row.id));
        remember(rows, names);
      }
    } catch (error) {
      if (!isAboutScope(toAzureError(error))) throw error;
    }
  }
  const exists = (id: string) => {
    if (readable.has(id)) return true;
    unread.push({ scope: id, message: UNREADABLE });
    return false;
  };
  const goodSubscriptions = [...subscriptions].filter((id) => exists(`/subscriptions/${id}`));
  const goodGroups = [...groups.values()].filter((group) => exists(fold(group.id)));
  const visible = new Set([...goodSubscriptions, ...goodGroups.map((group) => fold(group.subscriptionId))]);
  return { subscriptions: goodSubscriptions, groups: goodGroups, requests: inRequests([...visible]) };
}

async function excludedSet(
  clients: Clients,
  excluded: readonly Scope[],
  names: Map<string, string>,
): Promise<ScopeSet> {
  const set = {
    subscriptions: new Set<string>(),
    resourceGroups: new Set<string>(),
    virtualMachines: new Set<string>(),
  };
  for (const scope of excluded) {
    if (scope.kind === 'subscription') set.subscriptions.add(fold(scope.subscriptionId));
    if (scope.kind === 'resourceGroup') set.resourceGroups.add(fold(scope.id));
    if (scope.kind === 'virtualMachine') set.virtualMachines.add(fold(scope.id));
    if (scope.kind !== 'managementGroup') continue;
    const found = await subscriptionsUnder(clients, scope.name, names).catch((error: unknown) => {
      if (isAboutScope(toAzureError(error))) return new Set<string>();
      throw error;
    });
    // One that seems to hold nothing may hold what we may not read, and yet may write.
    if (found.size === 0) {
      throw new ScopeError(
        `EXCLUDED_SCOPES has ${scope.id}, which does not exist, is empty or cannot be read, so what it holds could not be kept out. Correct it, or grant ${SUBSCRIPTION_READ} there.`,
      );
    }
    for (const id of found) set.subscriptions.add(id);
  }
  return set;
}

async function subscriptionsUnder(
  clients: Clients,
  managementGroup: string,
  names: Map<string, string>,
): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const rows of queryPages(clients, { managementGroup }, scopesQuery([]), containerRow)) {
    for (const { subscriptionId } of rows) if (isGuid(subscriptionId)) found.add(fold(subscriptionId));
    remember(rows, names);
  }
  return found;
}

function remember(rows: readonly z.infer<typeof containerRow>[], names: Map<string, string>): void {
  for (const row of rows) {
    if (fold(row.type) === 'microsoft.resources/subscriptions') names.set(fold(row.subscriptionId), row.name);
  }
}

/** Notes a scope that Azure refuses; an error about anything else goes on. */
function passBy(error: unknown, scope: Scope, unread: Unread[]): undefined {
  const failure = toAzureError(error);
  if (!isAboutScope(failure)) throw failure;
  unread.push({
    scope: scope.id,
    message: `${UNREADABLE} (${failure.message})`,
  });
}

// Resource Graph answers 403 when nothing in the scope can be read, and 400 or 404 for what does not exist.
function isAboutScope(error: AzureError): boolean {
  return ['forbidden', 'not-found', 'invalid-request', 'subscription-disabled'].includes(error.kind);
}
