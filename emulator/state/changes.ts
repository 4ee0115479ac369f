import { guidOf, type Principal, TENANT_ID } from '../arm/principals.ts';
import type { GraphRow } from '../graph/graphSource.ts';
import type { ArmResource } from './armResource.ts';
import type { Clock } from './clock.ts';
import { type Entry, subscriptionOf } from './store.ts';

/** Who wrote, and with which request. */
export interface Writer {
  readonly principal: Principal;
  readonly requestId: string;
  readonly correlationId: string;
}

/** What Change Analysis keeps: the table `resourcechanges` of Resource Graph. */
export interface Changes {
  /** Notes a write that was just applied. */
  record(entry: Entry, writer: Writer): void;
  /** The rows of these subscriptions (lower-case ids), once Resource Graph knows them, with what was changed. */
  rows(subscriptions: ReadonlySet<string>): Iterable<{ id: string; type: string; row: GraphRow }>;
  clear(): void;
}

interface Change extends Writer {
  readonly at: number;
  readonly id: string;
  readonly type: string;
  readonly changes: Readonly<Record<string, { previousValue: string; newValue: string }>>;
  readonly kind: 'Create' | 'Update';
}

/** Source: Changes - List, "from the past 14 days". */
const KEPT_MS = 14 * 24 * 60 * 60_000;
const MOST_KEPT = 100_000;

/**
 * Makes an empty history. Shape of a record: Microsoft's page "Get resource changes" (06/2024): dotted paths with
 * `previousValue` and `newValue`, the text "null" for what was not there; no properties for a creation. Nobody shows how
 * the key of an identity is spelled there; it is taken as one part of the path.
 */
export function createChanges(clock: Clock, graphLagMs: number): Changes {
  let kept: Change[] = [];

  function* rows(subscriptions: ReadonlySet<string>): Generator<{ id: string; type: string; row: GraphRow }> {
    const now = clock.now();
    for (const change of kept) {
      const visible = change.at + graphLagMs <= now && change.at + KEPT_MS > now;
      if (visible && subscriptions.has(subscriptionOf(change.id))) {
        yield { id: change.id, type: change.type, row: toRow(change) };
      }
    }
  }

  return {
    record(entry, { principal, requestId, correlationId }) {
      const { previous, resource } = entry;
      delete entry.previous;
      const changes = previous ? difference(previous, resource) : {};
      if (previous && Object.keys(changes).length === 0) return;
      const { id, type } = resource;
      kept.push({
        principal,
        requestId,
        correlationId,
        at: clock.now(),
        id,
        type: type.toLowerCase(),
        changes,
        kind: previous ? 'Update' : 'Create',
      });
      if (kept.length > 2 * MOST_KEPT) kept = kept.slice(-MOST_KEPT);
    },
    rows,
    clear: () => {
      kept = [];
    },
  };
}

function toRow({ principal, requestId, correlationId, at, id, type, changes, kind }: Change): GraphRow {
  const name = guidOf(`change ${id} ${requestId}`);
  return {
    id: `${id}/providers/Microsoft.Resources/changes/${name}`,
    name,
    type: 'microsoft.resources/changes',
    tenantId: TENANT_ID,
    kind: '',
    location: '',
    resourceGroup: (id.split('/')[4] ?? '').toLowerCase(),
    subscriptionId: subscriptionOf(id),
    managedBy: '',
    sku: null,
    plan: null,
    properties: {
      targetResourceId: id,
      targetResourceType: type,
      changeType: kind,
      changeAttributes: {
        correlationId,
        changedByType: 'Application',
        changesCount: Object.keys(changes).length,
        clientType: 'Unknown',
        changedBy: principal.clientId,
        operation: `${type}/write`,
        timestamp: new Date(at).toISOString().replace('Z', '+00:00'),
      },
      changes,
    },
    tags: null,
    identity: null,
    zones: null,
    extendedLocation: null,
  };
}

function difference(before: ArmResource, after: ArmResource): Change['changes'] {
  const [old, now] = [before, after].map((resource) => new Map(leaves('', resource)));
  const changes: Record<string, { previousValue: string; newValue: string }> = {};
  for (const path of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
    const [previousValue = 'null', newValue = 'null'] = [old?.get(path), now?.get(path)];
    if (previousValue !== newValue) changes[path] = { previousValue, newValue };
  }
  return changes;
}

function* leaves(path: string, value: unknown): Generator<[string, string]> {
  const isBag = value !== null && typeof value === 'object' && !Array.isArray(value);
  if (isBag && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) yield* leaves(path ? `${path}.${key}` : key, inner);
  } else if (value !== undefined && value !== null) {
    yield [path, typeof value === 'string' ? value : JSON.stringify(value)];
  }
}
