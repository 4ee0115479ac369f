import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { parseArgs } from 'node:util';
import { startAzure } from '../emulator/azure.ts';
import { generateFleet } from '../emulator/fleet/generate.ts';
import { identityId } from '../emulator/fleet/shapes.ts';
import { countQuery, vmIdsQuery } from '../src/azure/kql.ts';
import { GOAL_MISSING } from '../src/azure/verdictsKql.ts';
import type { Policy } from '../src/domain/policy.ts';

/** What to measure. */
export interface LoadOptions {
  /** VMs in the fleet. */
  readonly vms: number;
  /** Requests to send, one half GETs of VMs and one half PATCHes of their identity. */
  readonly requests: number;
}

/** What the embedded Azure can take. CPU is its own process's alone; wall times suffer from whoever shares the machine. */
export interface EmulatorLoad extends LoadOptions {
  /** Requests per second of wall time, client and server on one machine. */
  readonly requestsPerSecond: number;
  readonly cpuSecondsPer1000Requests: number;
  /** What one core can do: 1,000 / `cpuSecondsPer1000Requests`. */
  readonly requestsPerCoreSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Resident memory with the fleet loaded, and after requests and queries, in MB (10^6 bytes). */
  readonly fleetMB: number;
  readonly endMB: number;
  readonly startSeconds: number;
  /** CPU of the app's count of all VMs by verdict; of a page of VMs that lack their identity in a region, and the next. */
  readonly countQueryCpuSeconds: number;
  readonly firstPageCpuSeconds: number;
  readonly nextPageCpuSeconds: number;
}

interface Ready {
  readonly armEndpoint: string;
  readonly identityEndpoint: string;
  readonly identityHeader: string;
  readonly caFile: string;
}
interface Usage {
  readonly cpuSeconds: number;
  readonly rss: number;
}

// Limits are on; at this speed their buckets refill faster than anything here can empty them.
const SPEED = 1000;
const CONNECTIONS = 32;
const WARM_UP = 2000;
const policy: Policy = {
  effect: 'DeployIfNotExists',
  identity: { kind: 'builtIn', resourceGroup: 'built-in-identity-rg', namePrefix: 'built-in-identity' },
  singleIdentityRule: 'imds',
  exclusionTag: undefined,
  includeManagedGroups: false,
  onlySubscriptions: undefined,
  onlyRegions: undefined,
};

/**
 * Measures the embedded Azure in a process of its own: real HTTP over kept TLS connections, limits on, a generated
 * fleet. Rejects when it does not start or answers anything but 200.
 */
export async function emulatorLoad({ vms, requests }: LoadOptions): Promise<EmulatorLoad> {
  const startedAt = performance.now();
  const server = fork(import.meta.filename, ['--serve', '--vms', String(vms)]);
  const said = async <T>(): Promise<T> => (await once(server, 'message'))[0] as T;
  const usage = async (): Promise<Usage> => {
    server.send('usage');
    return said<Usage>();
  };
  try {
    const ready = await said<Ready>();
    const startSeconds = secondsSince(startedAt);
    const fleetMB = (await usage()).rss / 1e6;
    const call = await caller(ready);
    const targets = targetsOf(vms);
    const statuses: Record<string, number> = {};

    async function send(count: number): Promise<void> {
      let sent = 0;
      const worker = async (): Promise<void> => {
        while (sent < count) {
          const number = sent++;
          const target = targets[(number >> 1) % targets.length] as Target;
          const { status } = await (number % 2 === 0
            ? call('GET', target.url)
            : call('PATCH', target.url, target.body));
          statuses[status] = (statuses[status] ?? 0) + 1;
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    }
    async function query(text: string, skipToken?: string) {
      const options = { $top: 1000, ...(skipToken && { $skipToken: skipToken }) };
      const path = '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01';
      const { cpuSeconds } = await usage();
      const answer = await call('POST', path, JSON.stringify({ query: text, options }));
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const token = JSON.parse(answer.text).$skipToken as string | undefined;
      return { cpuSeconds: (await usage()).cpuSeconds - cpuSeconds, token };
    }

    await send(WARM_UP);
    const before = await usage();
    const from = performance.now();
    await send(requests);
    const wallSeconds = secondsSince(from);
    const cpuSeconds = (await usage()).cpuSeconds - before.cpuSeconds;

    const filter = { policy, excluded: [], groups: [] };
    const count = await query(countQuery(filter));
    const list = vmIdsQuery(filter, { verdicts: [GOAL_MISSING], location: 'eastus' });
    const first = await query(list);
    const next = await query(list, first.token);
    if (Object.keys(statuses).join() !== '200') {
      throw new Error(`not every answer was 200: ${JSON.stringify(statuses)}`);
    }
    return {
      vms,
      requests,
      requestsPerSecond: requests / wallSeconds,
      cpuSecondsPer1000Requests: (cpuSeconds / requests) * 1000,
      requestsPerCoreSecond: requests / cpuSeconds,
      statuses,
      fleetMB,
      endMB: (await usage()).rss / 1e6,
      startSeconds,
      countQueryCpuSeconds: count.cpuSeconds,
      firstPageCpuSeconds: first.cpuSeconds,
      nextPageCpuSeconds: next.cpuSeconds,
    };
  } finally {
    server.kill();
  }
}

/** The server's side: starts the embedded Azure, says where it is, and tells its usage whenever it is asked. */
async function serve(vms: number): Promise<void> {
  // A lag so long that the next page of a query still finds the first one's result at this speed.
  const azure = await startAzure({ fleet: generateFleet({ vms }), speed: SPEED, graphLagSeconds: 3600 });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuSeconds: (user + system) / 1e6, rss: process.memoryUsage.rss() });
  });
  process.once('disconnect', () => process.exit());
  const { armEndpoint, identityEndpoint, identityHeader, caFile } = azure;
  process.send?.({ armEndpoint, identityEndpoint, identityHeader, caFile });
}

interface Target {
  readonly url: string;
  readonly body: string;
}

// VMs at the start of the fleet, so that none has to be loaded here; enough that no VM's own bucket matters.
function targetsOf(vms: number): Target[] {
  const targets: Target[] = [];
  for (const resource of generateFleet({ vms }) as Generator<{
    id: string;
    properties: { provisioningState?: string };
  }>) {
    if (!/virtualMachines/.test(resource.id) || resource.properties.provisioningState === 'Deleting')
      continue;
    const subscriptionId = resource.id.split('/')[2] ?? '';
    const id = identityId({ subscriptionId }, 'rg-identities', 'id-app');
    const identity = { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [id]: {} } };
    targets.push({ url: `${resource.id}?api-version=2024-07-01`, body: JSON.stringify({ identity }) });
    if (targets.length === 5000) break;
  }
  return targets;
}

async function caller({ armEndpoint, identityEndpoint, identityHeader, caFile }: Ready) {
  const url = `${identityEndpoint}?resource=arm&api-version=2019-08-01`;
  const signIn = await fetch(url, { headers: { 'x-identity-header': identityHeader } });
  const { access_token: token } = (await signIn.json()) as { access_token: string };
  const agent = new https.Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: readFileSync(caFile) });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (method: string, path: string, body?: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const options = { method, agent, headers: { ...headers, ...length } };
      const request = https.request(armEndpoint + path, options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
}

function secondsSince(from: number): number {
  return (performance.now() - from) / 1000;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      serve: { type: 'boolean' },
      vms: { type: 'string', default: '1000000' },
      requests: { type: 'string', default: '100000' },
    },
  });
  if (values.serve) {
    await serve(Number(values.vms));
  } else {
    const load = await emulatorLoad({ vms: Number(values.vms), requests: Number(values.requests) });
    for (const [name, value] of Object.entries(load)) {
      process.stdout.write(
        `${name.padEnd(28)}${typeof value === 'number' ? Number(value.toFixed(3)) : JSON.stringify(value)}\n`,
      );
    }
  }
}
