import { parseArmPath } from '../../emulator/state/armPath.ts';
import type { Exchange } from './recordings.ts';
import { pathOf } from './replay.ts';

const SOME_SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';

type Body = Record<string, unknown> & { id?: string; value?: Body[]; identity?: Identity };
interface Identity {
  userAssignedIdentities?: Record<string, object | null>;
}

/**
 * What must have been there for a recording to go as it did: whatever was read, listed, changed or deleted before it
 * was made, and the identities and locked resources that requests name.
 */
export function seedFrom(exchanges: readonly Exchange[]): unknown[] {
  const seeds = new Map<string, unknown>();
  const made = new Set<string>();
  const add = (id: string, body: unknown): void => {
    const key = id.toLowerCase();
    if (!made.has(key) && !seeds.has(key)) seeds.set(key, body);
  };
  for (const exchange of exchanges) {
    const path = parseArmPath(pathOf(exchange.url).replace(/\?.*/, ''));
    const body = (exchange.responseBody ?? {}) as Body;
    if (/resourcegraph/i.test(path.path)) {
      // What a query found was there, and so were the scopes it asked.
      const asked = exchange.requestBody as { subscriptions?: string[]; managementGroups?: string[] };
      for (const id of asked.subscriptions ?? []) add(`/subscriptions/${id}`, { id: `/subscriptions/${id}` });
      for (const name of asked.managementGroups ?? []) {
        const id = `/providers/Microsoft.Management/managementGroups/${name}`;
        add(id, { id });
        const member = `${id}/subscriptions/${SOME_SUBSCRIPTION}`;
        add(member, { id: member, type: 'Microsoft.Management/managementGroups/subscriptions' });
        add(`/subscriptions/${SOME_SUBSCRIPTION}`, { id: `/subscriptions/${SOME_SUBSCRIPTION}` });
      }
      for (const row of (Array.isArray(body.data) ? body.data : []) as Body[]) {
        const inAsked = row.id?.replace(
          /^\/subscriptions\/[^/]+/i,
          `/subscriptions/${asked.subscriptions?.[0]}`,
        );
        if (inAsked) add(inAsked, { ...row, id: inAsked });
      }
      continue;
    }
    if (path.subscriptionId)
      add(`/subscriptions/${path.subscriptionId}`, { id: `/subscriptions/${path.subscriptionId}` });
    const found =
      exchange.status < 300 && path.type !== 'locations/operations' && path.type !== 'operationresults';
    if (found) {
      if (exchange.status !== 201 && !path.isCollection) add(path.path, seedOf(path.path, exchange, body));
      for (const item of body.value ?? []) if (item.id) add(item.id, item);
      if (exchange.status === 201) made.add(path.path.toLowerCase());
    }
    // Of a resource in a group that is not there, not even permissions are told (h04).
    const told = found && path.isCollection && /\/providers\//i.test(path.scope);
    if (told && path.resourceGroup) {
      const id = `/subscriptions/${path.subscriptionId}/resourceGroups/${path.resourceGroup}`;
      add(id, { id, location: 'westus' });
    }
    if (/authorization\/locks/i.test(exchange.url) && /\/providers\/.*\/providers\//i.test(path.path)) {
      add(path.scope, { id: path.scope });
    }
    if (exchange.status < 300) {
      const identity = (exchange.requestBody as Body | null | undefined)?.identity;
      for (const id of [
        ...Object.keys(identity?.userAssignedIdentities ?? {}),
        ...Object.keys(body.identity?.userAssignedIdentities ?? {}),
      ]) {
        add(id, { id, location: 'westus' });
      }
    }
    const groupGone =
      exchange.status === 404 &&
      (body as { error?: { code?: string } }).error?.code === 'ResourceGroupNotFound';
    if (path.resourceGroup && !groupGone && (exchange.status === 404 || exchange.status === 201)) {
      const id = `/subscriptions/${path.subscriptionId}/resourceGroups/${path.resourceGroup}`;
      if (path.path.toLowerCase() !== id.toLowerCase()) add(id, { id, location: 'westus' });
    }
  }
  return [...seeds.values()];
}

// A resource first seen when it was written has the body of the answer, less what the write added.
function seedOf(id: string, { method, requestBody }: Exchange, body: Body): unknown {
  const seed = { ...body, id: body.id ?? id };
  if (method === 'DELETE' || method === 'HEAD') return { id, location: 'westus' };
  if (method !== 'PATCH') return seed;
  const added = Object.keys((requestBody as Body).identity?.userAssignedIdentities ?? {}).map((key) =>
    key.toLowerCase(),
  );
  const kept = Object.entries(body.identity?.userAssignedIdentities ?? {}).filter(
    ([key]) => !added.includes(key.toLowerCase()),
  );
  const { identity, ...rest } = seed;
  return kept.length > 0
    ? { ...rest, identity: { ...identity, userAssignedIdentities: Object.fromEntries(kept) } }
    : rest;
}
