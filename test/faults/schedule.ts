import fc from 'fast-check';
import type { Fault } from '../../emulator/control/faults.ts';

/** One thing that goes wrong, as plain data, so that it prints and shrinks. */
export interface Trouble {
  readonly at: keyof typeof PLACES;
  readonly what: keyof typeof KINDS;
  /** Which VM, where the place is one of VMs; all of them at -1. */
  readonly vm: number;
  /** How many calls it concerns. */
  readonly times: number;
  /** How long, in ms of the emulator's time: latencies, waits, operations and lags. */
  readonly ms: number;
}

/** What happens during one sweep. */
export interface Phase {
  /** VMs that are before it as they were at first, by number, as if deleted and made again. */
  readonly anew: readonly number[];
  /** What somebody deletes before it: the locks of our identities, or these with them. */
  readonly gone: 'nothing' | 'locks' | 'identities';
  readonly troubles: readonly Trouble[];
  /** VMs of which an event tells meanwhile, by number. */
  readonly events: readonly number[];
  /** How far our clock is ahead of Azure's, ms. */
  readonly skewMs: number;
  /** Whether another process goes on from here, which knows nothing of the one before. */
  readonly restarts: boolean;
  /** What becomes of the messages of a sweep: lost and delivered twice, by number. Functions only. */
  readonly lost: readonly number[];
  readonly doubled: readonly number[];
}

/** A schedule: a phase for each sweep, and then all is well. */
export type Schedule = readonly Phase[];

const PLACES = {
  vmRead: ['GET', '/virtualMachines/{vm}$'],
  vmWrite: ['PATCH', '/virtualMachines/{vm}$'],
  identityRead: ['GET', '/userAssignedIdentities/[^/]+$'],
  identityWrite: ['PUT', '/userAssignedIdentities/[^/]+$'],
  lockRead: ['GET', '/locks$'],
  lockWrite: ['PUT', '/locks/[^/]+$'],
  groupRead: ['GET', '/resourceGroups/[^/]+$'],
  groupWrite: ['PUT', '/resourceGroups/[^/]+$'],
  operationRead: ['GET', '/operations/'],
  checks: ['GET', '/(permissions|roleAssignments|providers/Microsoft\\.\\w+)$'],
  graph: ['POST', 'Microsoft.ResourceGraph/resources$'],
  token: ['GET', '^/msi/token$'],
  anywhere: ['*', '^/(subscriptions|providers)/'],
} as const;

type Made = Partial<Fault>;
const refusal = (status: number, code: string, message: string, headers = {}): Made => ({
  status,
  headers,
  body: { error: { code, message } },
});
// Milliseconds of the machine, which are what a sped-up run waits exactly.
const wait = (ms: number, speed: number) => ({ 'retry-after-ms': String(Math.ceil(ms / speed)) });
const AUTHORIZATION_FAILED =
  "The client 'c0ffee00-0000-4000-8000-000000000001' with object id 'c0ffee00-0000-4000-8000-0000000000a1' does not have authorization to perform action 'Microsoft.Authorization/locks/write' over scope '/subscriptions/11111111-1111-1111-1111-111111111111' or the scope is invalid.";

// Bodies as recorded or quoted: docs/emulator.md, "What is faithful, and to what".
const KINDS = {
  slow: ({ ms }) => ({ latencyMs: Math.min(ms, 60_000) }),
  resetBefore: () => ({ reset: 'before' }),
  resetAfter: () => ({ reset: 'after' }),
  brokenBody: () => ({ truncated: 'broken' }),
  halfBody: () => ({ truncated: 'ended' }),
  throttled: ({ ms }, speed) =>
    refusal(429, 'SubscriptionRequestsThrottled', 'Too many requests.', wait(ms, speed)),
  throttledSilently: () => refusal(429, 'TooManyRequests', 'Too many requests.'),
  internalError: () => refusal(500, 'InternalServerError', 'Encountered internal server error.'),
  badGateway: () => ({
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<html><body><h1>502 Bad Gateway</h1></body></html>',
  }),
  unavailable: ({ ms }, speed) =>
    refusal(503, 'ServiceUnavailable', 'The service is unavailable.', wait(ms, speed)),
  gatewayTimeout: () => ({ status: 504 }),
  signedOut: () => refusal(401, 'InvalidAuthenticationToken', 'The access token is invalid.'),
  denied: () => refusal(403, 'AuthorizationFailed', AUTHORIZATION_FAILED),
  linkedDenied: () =>
    refusal(403, 'LinkedAuthorizationFailed', 'The client has permission, but not on the linked scope.'),
  conflict: () => refusal(409, 'ConflictingConcurrentWriteNotAllowed', 'Another write is under way.'),
  preconditionFailed: () => refusal(412, 'PreconditionFailed', 'The condition If-Match was not met.'),
  notVisible: () =>
    refusal(400, 'FailedIdentityOperation', 'Identity operation failed with error: Resource was not found.'),
  operationFails: () => ({
    operationError: { code: 'InternalExecutionError', message: 'An internal execution error occurred.' },
  }),
  operationIsSlow: ({ ms }) => ({ operationMs: ms }),
  operationNeverEnds: () => ({ operationMs: 30 * 86_400_000 }),
  graphIsStale: ({ ms }) => ({ graphLagMs: ms }),
  graphHides: ({ vm }) => ({ graphHides: vm < 0 ? 'virtualMachines' : `virtualMachines/${nameOf(vm)}$` }),
} as const satisfies Record<string, (trouble: Trouble, speed: number) => Made>;

/** The name of a VM by its number. */
export function nameOf(vm: number): string {
  return `vm-${vm}`;
}

/** A trouble as the embedded Azure is told of it, whose clock runs `speed` times as fast as the machine's. */
export function toFault(trouble: Trouble, speed: number): Fault {
  const [method, path] = PLACES[trouble.at];
  const vm = trouble.vm < 0 ? '[^/]+' : nameOf(trouble.vm);
  const made: Made = KINDS[trouble.what](trouble, speed);
  const common = { method, path: path.replace('{vm}', vm), times: trouble.times, headers: {}, latencyMs: 0 };
  return { ...common, ...made };
}

const ANYWHERE = [
  ...([
    'resetBefore',
    'resetAfter',
    'brokenBody',
    'halfBody',
    'slow',
    'throttled',
    'throttledSilently',
  ] as const),
  ...(['internalError', 'badGateway', 'unavailable', 'gatewayTimeout', 'signedOut'] as const),
];
const WRITES = [...ANYWHERE, 'denied', 'graphIsStale'] as const;
// What can happen where; a kind in a place that cannot suffer it would be no trouble at all.
const POSSIBLE: Readonly<Record<Trouble['at'], readonly Trouble['what'][]>> = {
  vmRead: ANYWHERE,
  vmWrite: [
    ...WRITES,
    ...(['conflict', 'preconditionFailed', 'notVisible', 'linkedDenied'] as const),
    ...(['operationFails', 'operationIsSlow', 'operationNeverEnds'] as const),
  ],
  identityRead: ANYWHERE,
  identityWrite: WRITES,
  lockRead: [...ANYWHERE, 'denied'],
  lockWrite: [...WRITES, 'denied', 'denied'],
  groupRead: ANYWHERE,
  groupWrite: WRITES,
  operationRead: ANYWHERE,
  checks: ANYWHERE,
  graph: [...ANYWHERE, 'graphHides', 'graphHides', 'graphHides'],
  // Without those that the identity SDK tries again after seconds of the machine's, whatever the clock.
  token: ['unavailable', 'throttledSilently', 'denied', 'slow'],
  anywhere: ANYWHERE,
};
const PLACES_BY_WEIGHT: readonly Trouble['at'][] = [
  ...(['vmWrite', 'vmWrite', 'vmWrite', 'vmRead', 'vmRead', 'graph', 'graph', 'identityWrite'] as const),
  ...([
    'identityRead',
    'lockWrite',
    'lockRead',
    'groupWrite',
    'groupRead',
    'operationRead',
    'checks',
  ] as const),
  'anywhere',
];
const WITH_TOKENS: readonly Trouble['at'][] = [...PLACES_BY_WEIGHT, 'token'];

/**
 * Random troubles that are over before anybody has tried in vain too often: four calls in all at most, short waits. Not of
 * tokens: it is the identity SDK that tries for those.
 */
export function briefTroubles(): fc.Arbitrary<readonly Trouble[]> {
  const trouble = fc.record({
    at: fc.constantFrom(...PLACES_BY_WEIGHT),
    what: fc.constantFrom(...ANYWHERE.filter((kind) => kind !== 'signedOut')),
    vm: fc.constant(-1),
    times: fc.constantFrom(1, 2),
    ms: fc.constantFrom(0, 1_000, 20_000),
  });
  return fc.array(trouble, { minLength: 1, maxLength: 2 });
}

/** Random schedules for as many VMs. */
export function schedules(vms: number): fc.Arbitrary<Schedule> {
  const vm = fc.integer({ min: 0, max: vms - 1 });
  const trouble = fc.constantFrom(...WITH_TOKENS).chain((at) =>
    fc.record({
      at: fc.constant(at),
      what: fc.constantFrom(...POSSIBLE[at]),
      vm: fc.oneof(fc.constant(-1), vm),
      times: fc.constantFrom(1, 2, 4, 7, 30, 1000),
      ms: fc.constantFrom(0, 1_000, 20_000, 120_000, 900_000),
    }),
  );
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 });
  const phase = fc.record({
    anew: fc.uniqueArray(vm, { maxLength: 6 }),
    gone: fc.constantFrom('nothing' as const, 'nothing' as const, 'locks' as const, 'identities' as const),
    troubles: fc.array(trouble, { minLength: 1, maxLength: 8 }),
    events: fc.uniqueArray(vm, { maxLength: 4 }),
    skewMs: fc.constantFrom(0, 0, 0, -600_000, 600_000, 7_200_000),
    restarts: fc.boolean(),
    lost: numbers,
    doubled: numbers,
  });
  return fc.array(phase, { minLength: 1, maxLength: 3 });
}
