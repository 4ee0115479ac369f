import type { ArmResource } from './armResource.ts';
import type { Clock } from './clock.ts';

/** What a running operation makes of a resource until it ends. Times are the emulator's, in ms. */
export interface Operation {
  readonly id: string;
  readonly kind: 'Creating' | 'Updating' | 'Deleting';
  readonly startsAt: number;
  readonly endsAt: number;
  /** Why it fails at its end; undefined when it succeeds. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  /** Somebody asked how far it is. */
  polled?: true;
}

/** A resource at some time, undefined where it was not there, with what an operation made of it. */
interface State {
  readonly resource: ArmResource | undefined;
  readonly kind?: Operation['kind'] | undefined;
}

/** A resource with what Azure keeps about it. */
export interface Entry {
  resource: ArmResource;
  /** Goes up by one with every write, at acceptance (wire-behaviour 1.4). */
  version: number;
  /** What the last write replaced, until somebody noted it. */
  previous?: ArmResource | undefined;
  /** From when on other services see the resource; an identity cannot be assigned before. */
  visibleAt: number;
  operation?: Operation | undefined;
  /** Older states that Resource Graph still shows, each until its time. */
  past?: (State & { readonly until: number })[] | undefined;
  deleted?: true;
  /** User-assigned identities a VM once carried, lower case: they come back complete at once (a10). */
  formerIdentities?: ReadonlySet<string>;
}

/** What more there is to a write. */
export interface PutOptions {
  readonly lag?: boolean;
  readonly visibleAfterMs?: number;
  readonly operation?: Operation;
}

/** Everything that exists, by id. Ids are compared without regard to case and keep theirs. */
export interface Store {
  get(id: string): Entry | undefined;
  /** Entries of a type (lower case), of one subscription or of all. */
  list(type: string, subscriptionId?: string): Iterable<Entry>;
  types(): Iterable<string>;
  /**
   * Writes a resource, which may start an operation; Resource Graph goes on showing what was there for its lag, unless
   * `lag` is false.
   */
  put(resource: ArmResource, options?: PutOptions): Entry;
  /** Deletes at once; Resource Graph follows. */
  remove(entry: Entry): void;
  /** What Resource Graph shows of an entry now, its operation included; undefined when nothing. */
  graphView(entry: Entry): ArmResource | undefined;
  /** Runs writes that Resource Graph goes on not seeing for so long, ms; without a time, for its lag as usual. */
  lagging<T>(lagMs: number | undefined, write: () => T): T;
  clear(): void;
}

/** Makes an empty store. `graphLagMs` is how far Resource Graph stays behind, in the emulator's time. */
export function createStore(clock: Clock, graphLagMs: number): Store {
  let lagMs = graphLagMs;
  const byId = new Map<string, Entry>();
  // Type, then subscription, then id: lists never look at more than one subscription of one type.
  const byType = new Map<string, Map<string, Map<string, Entry>>>();

  function index(type: string, subscriptionId: string): Map<string, Entry> {
    const subscriptions = byType.get(type) ?? new Map<string, Map<string, Entry>>();
    byType.set(type, subscriptions);
    const entries = subscriptions.get(subscriptionId) ?? new Map<string, Entry>();
    subscriptions.set(subscriptionId, entries);
    return entries;
  }

  /** Drops an entry whose deletion is over and that Resource Graph has forgotten, too. */
  function settle(entry: Entry): Entry | undefined {
    const now = clock.now();
    if (entry.operation && entry.operation.endsAt <= now) {
      const { kind, endsAt } = entry.operation;
      // Not the lag of the request for which it is looked at.
      keepPast(entry, stateOf(entry), endsAt, graphLagMs);
      entry.operation = undefined;
      if (kind === 'Deleting') entry.deleted = true;
    }
    if (entry.past?.every((view) => view.until <= now)) entry.past = undefined;
    if (entry.deleted && !entry.past) forget(entry);
    return entry.deleted ? undefined : entry;
  }

  /** Lets Resource Graph go on showing, for its lag, what there was until then. */
  function keepPast(entry: Entry, was: State, at: number, lag = lagMs): void {
    if (lag <= 0) return;
    entry.past = [...(entry.past ?? []).filter((view) => view.until > at), { ...was, until: at + lag }];
  }

  function forget(entry: Entry): void {
    const key = entry.resource.id.toLowerCase();
    if (byId.get(key) === entry) byId.delete(key);
    const entries = index(entry.resource.type.toLowerCase(), subscriptionOf(key));
    if (entries.get(key) === entry) entries.delete(key);
  }

  return {
    get(id) {
      const entry = byId.get(id.toLowerCase());
      return entry && settle(entry);
    },
    *list(type, subscriptionId) {
      const subscriptions = byType.get(type);
      const chosen =
        subscriptionId === undefined
          ? (subscriptions?.values() ?? [])
          : [subscriptions?.get(subscriptionId.toLowerCase()) ?? new Map<string, Entry>()];
      for (const entries of chosen) {
        for (const entry of entries.values()) {
          settle(entry);
          yield entry;
        }
      }
    },
    types: () => byType.keys(),
    put(resource, { lag = true, visibleAfterMs = 0, operation } = {}) {
      const now = clock.now();
      const key = resource.id.toLowerCase();
      const known = byId.get(key);
      const live = known && settle(known);
      if (known && live) {
        if (lag) keepPast(known, stateOf(known), now);
        known.previous = known.resource;
        known.resource = resource;
        known.operation = operation ?? known.operation;
        known.version++;
        return known;
      }
      const entry: Entry = { resource, version: 1, visibleAt: now + visibleAfterMs, operation };
      if (known?.past) entry.past = [...known.past];
      if (lag) keepPast(entry, { resource: undefined }, now);
      byId.set(key, entry);
      index(resource.type.toLowerCase(), subscriptionOf(key)).set(key, entry);
      return entry;
    },
    remove(entry) {
      keepPast(entry, stateOf(entry), clock.now());
      entry.deleted = true;
      settle(entry);
    },
    graphView(entry) {
      const now = clock.now();
      const shown = entry.past?.find((view) => view.until > now);
      if (shown) return shown.resource && during(shown.resource, shown.kind);
      return entry.deleted ? undefined : during(entry.resource, entry.operation?.kind);
    },
    lagging(ms, write) {
      lagMs = ms ?? graphLagMs;
      try {
        return write();
      } finally {
        lagMs = graphLagMs;
      }
    },
    clear() {
      byId.clear();
      byType.clear();
    },
  };
}

/** True while a resource is being deleted, by an operation or because a fleet says so. */
export function isBeingDeleted({ resource, operation }: Entry): boolean {
  return (operation?.kind ?? resource.properties?.provisioningState) === 'Deleting';
}

function stateOf({ resource, operation }: Entry): State {
  return { resource, kind: operation?.kind };
}

function during(resource: ArmResource, kind: Operation['kind'] | undefined): ArmResource {
  return kind ? { ...resource, properties: { ...resource.properties, provisioningState: kind } } : resource;
}

const SUBSCRIPTIONS = '/subscriptions/';

/** The subscription an id is in, lower case; empty for what is above subscriptions. */
export function subscriptionOf(id: string): string {
  // Run for every row of a query: ids are long, so they are not taken apart.
  if (id.slice(0, SUBSCRIPTIONS.length).toLowerCase() !== SUBSCRIPTIONS) return '';
  const end = id.indexOf('/', SUBSCRIPTIONS.length);
  return id.slice(SUBSCRIPTIONS.length, end < 0 ? undefined : end).toLowerCase();
}
