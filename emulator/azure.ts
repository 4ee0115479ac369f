import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type Access, access } from './arm/access.ts';
import { makeCertificate } from './arm/certificate.ts';
import { createOperations } from './arm/operations.ts';
import { remediator, TENANT_ID } from './arm/principals.ts';
import type { World } from './arm/request.ts';
import { refuseAssignments } from './arm/roleAssignments.ts';
import { armServer } from './arm/server.ts';
import { createTokens } from './arm/tokens.ts';
import { controlServer } from './control/controlServer.ts';
import { createFaults, type Faults } from './control/faults.ts';
import { createJournal, type Journal } from './control/journal.ts';
import { createEventGrid } from './events/eventGrid.ts';
import { createKeptResults } from './graph/keptResults.ts';
import { identityEndpoint } from './identityEndpoint.ts';
import { ingestionServer } from './ingestion/ingestionServer.ts';
import { createReceived, type Received } from './ingestion/received.ts';
import { seededRandom } from './random.ts';
import { createChanges } from './state/changes.ts';
import { type Clock, createClock } from './state/clock.ts';
import { graphSource } from './state/graphRows.ts';
import { hierarchy } from './state/managementGroups.ts';
import { SeedError, seed, toResource } from './state/seed.ts';
import { createStore, type Store } from './state/store.ts';
import { createThrottle, type Throttle } from './throttle/throttle.ts';

const A_DAY = 24 * 60 * 60;

/** How an embedded Azure behaves. Every time is in the emulator's seconds, which `speed` makes shorter. */
export interface AzureOptions {
  /** Port of Resource Manager; 0, the default, takes a free one. */
  readonly port?: number;
  /** What there is at the start: resources in ARM's form. */
  readonly fleet?: Iterable<unknown> | AsyncIterable<unknown>;
  readonly speed?: number;
  /** A clock to step in a test, in place of one that runs at `speed`. */
  readonly clock?: Clock;
  /** How far Resource Graph stays behind writes. Default 30: most changes take 30-60 s (azure-facts, section 4). */
  readonly graphLagSeconds?: number;
  /** How long a new identity cannot be assigned. Default 5; Azure promises nothing (azure-facts, section 5). */
  readonly identityVisibleAfterSeconds?: number;
  /** Multiplies the durations of operations; 0 ends each at once. Default 1. */
  readonly operationScale?: number;
  /** How long Event Grid waits for a webhook's answer. Default 30, as in Azure. */
  readonly eventAnswerSeconds?: number;
  /** Refuse calls beyond Azure's limits. Default true; without it calls are only counted. */
  readonly throttle?: boolean;
  /**
   * Take telemetry in, and say in `env` where: `keyless` only from who has signed in, as where local authentication is
   * off; `open` from everybody. Default none, so that an app started against it sends nothing.
   */
  readonly telemetry?: 'keyless' | 'open';
  /**
   * How long a token is good, in the machine's seconds. Default a day, as for managed identities. App Service may hand out
   * one that it kept for a while, which is good for less.
   */
  readonly tokenLifetimeSeconds?: number;
  /** Seed of all chance. Default 1. */
  readonly seed?: number;
}

/** A running embedded Azure. */
export interface Azure {
  /** https; Resource Manager. */
  readonly armEndpoint: string;
  /** http; the App Service managed-identity endpoint. */
  readonly identityEndpoint: string;
  readonly identityHeader: string;
  /** The authority of its certificate, for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
  /** http; journal, resources, faults, limits, reset. */
  readonly controlEndpoint: string;
  /** Environment variables to start the app with against it. */
  readonly env: Readonly<Record<string, string>>;
  /** The state itself, for tests in the same process. */
  readonly store: Store;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly throttle: Throttle;
  /** The telemetry that arrived. */
  readonly received: Received;
  /** Adds resources, visible everywhere at once. Throws SeedError. */
  seed(resources: Iterable<unknown> | AsyncIterable<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** Starts an Azure in this process. Rejects when the port is taken or the fleet cannot be read. */
export async function startAzure(options: AzureOptions = {}): Promise<Azure> {
  const clock = options.clock ?? createClock(options.speed ?? 1);
  const seconds = (value: number | undefined, fallback: number) => (value ?? fallback) * 1000;
  const graphLagMs = seconds(options.graphLagSeconds, 30);
  const store = createStore(clock, graphLagMs);
  const changes = createChanges(clock, graphLagMs);
  const kept = createKeptResults(clock, graphLagMs);
  const operations = createOperations(clock, options.operationScale ?? 1, seededRandom(options.seed ?? 1));
  const journal = createJournal();
  const faults = createFaults();
  const tokens = createTokens();
  const received = createReceived();
  const instrumentationKey = randomUUID();
  const eventGrid = createEventGrid(clock, seededRandom(options.seed ?? 1), options.eventAnswerSeconds);
  const throttle = createThrottle(clock, options.throttle ?? true);
  let known: Access | undefined;
  const forget = (): void => {
    known = undefined;
    kept.clear();
  };

  const world: World = {
    store,
    clock,
    operations,
    throttle,
    // Assignments and hierarchy change by seeding only.
    access: () => {
      known ??= access(store);
      return known;
    },
    identityVisibleAfterMs: seconds(options.identityVisibleAfterSeconds, 5),
    operationFault: ({ method, path }) => {
      const { operationError: error, operationMs: ms } = faults.takeOfOperation(method, path.path) ?? {};
      return { error, ms };
    },
    onWrite: (entry, request) => {
      if (request.method !== 'DELETE') changes.record(entry, request);
      eventGrid.onWrite(world, entry, request);
    },
  };
  const seedAll = async (resources: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> => {
    forget();
    for await (const resource of resources) seed(store, toResource(resource));
    checkAssignments();
  };
  const checkAssignments = (): void => {
    const refused = refuseAssignments(store, hierarchy(store, TENANT_ID));
    forget();
    if (refused.length > 0) throw new SeedError(refused.join('\n'));
  };
  await seedAll(options.fleet ?? []);
  const initial = [...store.types()].flatMap((type) => [...store.list(type)]).map((entry) => entry.resource);

  const certificate = await makeCertificate();
  const identities = identityEndpoint({
    ...{ tokens, store, faults, speed: clock.speed },
    lifetimeSeconds: options.tokenLifetimeSeconds ?? A_DAY,
  });
  const arm = armServer({
    world,
    tokens,
    journal,
    faults,
    certificate,
    graphFor: (principal, hides) => {
      const access = world.access();
      const filter = (action: string, subscriptionId: string) =>
        access.filter(principal, action, subscriptionId);
      const readable = access.readableSubscriptions(principal);
      return graphSource(store, changes, access.hierarchy, readable, filter, hides);
    },
    kept,
  });
  const control = controlServer({
    store,
    journal,
    faults,
    eventGrid,
    throttle,
    received,
    seed: (resources) => {
      forget();
      for (const resource of resources) seed(store, resource);
      checkAssignments();
    },
    reset: () => {
      for (const part of [store, changes, journal, faults, operations, eventGrid, throttle, received])
        part.clear();
      forget();
      for (const resource of initial) seed(store, resource);
    },
  });

  const ingestion =
    options.telemetry &&
    ingestionServer({
      ...{ tokens, faults, received, certificate, instrumentationKey, speed: clock.speed },
      localAuthDisabled: options.telemetry === 'keyless',
    });
  const servers = [arm, identities.server, control, ...(ingestion ? [ingestion] : [])];
  const close = async (): Promise<void> => {
    eventGrid.close();
    for (const server of servers) server.server.closeAllConnections();
    await Promise.all(servers.map((server) => server.close()));
    await certificate.remove();
  };
  try {
    await arm.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    await identities.server.listen({ host: '127.0.0.1', port: 0 });
    await control.listen({ host: '127.0.0.1', port: 0 });
    await ingestion?.listen({ host: '127.0.0.1', port: 0 });
  } catch (error) {
    await close();
    throw error;
  }
  const port = (server: (typeof servers)[number]) => (server.server.address() as AddressInfo).port;
  const armEndpoint = `https://localhost:${port(arm)}`;
  const identityUrl = `http://127.0.0.1:${port(identities.server)}/msi/token`;
  return {
    armEndpoint,
    identityEndpoint: identityUrl,
    identityHeader: identities.header,
    caFile: certificate.caFile,
    controlEndpoint: `http://127.0.0.1:${port(control)}`,
    env: {
      ARM_ENDPOINT: armEndpoint,
      IDENTITY_ENDPOINT: identityUrl,
      IDENTITY_HEADER: identities.header,
      AZURE_CLIENT_ID: remediator.clientId,
      NODE_EXTRA_CA_CERTS: certificate.caFile,
      SCOPES: `/providers/Microsoft.Management/managementGroups/${TENANT_ID}`,
      ...(ingestion && {
        APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${instrumentationKey};IngestionEndpoint=https://localhost:${port(ingestion)}/`,
      }),
      ...(clock.speed !== 1 && { EMBEDDED_AZURE_CLOCK: `${clock.speed}@${clock.origin}` }),
    },
    store,
    journal,
    faults,
    throttle,
    received,
    seed: seedAll,
    close,
  };
}
