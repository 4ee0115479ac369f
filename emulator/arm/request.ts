import type { ArmPath } from '../state/armPath.ts';
import type { Clock } from '../state/clock.ts';
import type { Entry, Operation, Store } from '../state/store.ts';
import type { Counted, Throttle } from '../throttle/throttle.ts';
import type { Access } from './access.ts';
import { errors } from './errors.ts';
import type { Operations } from './operations.ts';
import type { Principal } from './principals.ts';

/** A request that passed the gateway: signed in, with a path and an api-version that make sense. */
export interface ArmRequest {
  readonly method: string;
  readonly path: ArmPath;
  readonly query: URLSearchParams;
  readonly apiVersion: string;
  readonly principal: Principal;
  /** The request as the limits see it. */
  readonly counted: Counted;
  /** Scheme, host and port the caller used. */
  readonly origin: string;
  /** The id of this request, which is also that of the operation it starts (wire-behaviour 1.4). */
  readonly requestId: string;
  /** The caller's, or made by Azure: the same in the answer, the change history and events. */
  readonly correlationId: string;
  header(name: string): string | undefined;
  /** The body as an object. Throws ArmError 400 when it is none. */
  json(): Record<string, unknown>;
}

/** What is sent back. A body of undefined is an empty one. */
export interface ArmAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What handlers work on. */
export interface World {
  readonly store: Store;
  readonly clock: Clock;
  readonly operations: Operations;
  readonly throttle: Throttle;
  /** Who may do what, as the state says now. */
  access(): Access;
  /** How long a new identity cannot be assigned, in ms of the emulator's time. */
  readonly identityVisibleAfterMs: number;
  /** What is wrong with the operation of this write: with what it fails, how long it takes, ms. Asked once for each. */
  operationFault(request: ArmRequest): {
    readonly error?: Operation['error'];
    readonly ms?: number | undefined;
  };
  /** Told of every write and deletion that Azure raises an event for, once it is accepted. */
  onWrite(entry: Entry, request: ArmRequest): void;
}

/** Answers requests of one resource type; undefined when it does not know the method. */
export type Handler = (world: World, request: ArmRequest) => ArmAnswer | undefined;

/** Throws ArmError 404 unless subscription and, if the path names one, resource group exist. */
export function requirePlace({ store }: World, { path }: ArmRequest): void {
  const { subscriptionId, resourceGroup } = path;
  if (subscriptionId === undefined) return;
  if (!store.get(`/subscriptions/${subscriptionId}`)) throw errors.subscriptionNotFound(subscriptionId);
  if (resourceGroup === undefined) return;
  if (!store.get(`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`)) {
    throw errors.groupNotFound(resourceGroup);
  }
}

/** Live entries of a type in the subscription, or the group, that the path names. */
export function* entriesAt({ store }: World, { path }: ArmRequest, type: string): Generator<Entry> {
  const group =
    path.resourceGroup === undefined
      ? undefined
      : `/subscriptions/${path.subscriptionId}/resourcegroups/${path.resourceGroup}/`.toLowerCase();
  for (const entry of store.list(type, path.subscriptionId)) {
    if (entry.deleted) continue;
    if (group === undefined || entry.resource.id.toLowerCase().startsWith(group)) yield entry;
  }
}

/** A location as Azure normalises it: `West US` is `westus` (wire-behaviour, section 4). */
export function normalLocation(location: unknown): string {
  return String(location ?? '')
    .replaceAll(' ', '')
    .toLowerCase();
}

// Azure's limits of a resource's tags (azure-facts, section 12).
const MOST_TAGS = 50;
const LONGEST_TAG_NAME = 512;
const LONGEST_TAG_VALUE = 256;

/** Tags of a request body; undefined when there are none. Throws ArmError 400 when they are too many or too long. */
export function readTags(body: Record<string, unknown>): Record<string, string> | undefined {
  if (body.tags === null || typeof body.tags !== 'object') return undefined;
  const tags = Object.entries(body.tags).map(([name, value]) => [name, String(value ?? '')] as const);
  if (tags.length > MOST_TAGS) throw errors.tooManyTags(tags.length, MOST_TAGS);
  for (const [name, value] of tags) {
    if (name.length > LONGEST_TAG_NAME) throw errors.tagNameTooLong(name, LONGEST_TAG_NAME);
    if (value.length > LONGEST_TAG_VALUE) throw errors.tagValueTooLong(value, LONGEST_TAG_VALUE);
  }
  return Object.fromEntries(tags);
}
