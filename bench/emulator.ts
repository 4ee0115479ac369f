import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { Azure } from '../emulator/azure.ts';
import { generateFleet } from '../emulator/fleet/generate.ts';
import { identityId } from '../emulator/fleet/shapes.ts';
import { countQuery, vmIdsQuery } from '../src/azure/kql.ts';
import { GOAL_MISSING } from '../src/azure/verdictsKql.ts';
import { readSettings } from '../src/settings.ts';
import { type Process, startProcess } from './process.ts';
import { number, type Scenario } from './scenario.ts';

/** What the process of the embedded Azure used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Resident memory, bytes. */
  readonly rss: number;
}

/** What the embedded Azure can take. CPU is its own process's alone; wall times suffer from whoever shares the machine. */
interface Load {
  readonly vms: number;
  /** One half GETs of VMs and one half PATCHes of their identity. */
  readonly requests: number;
  /** Of wall time, client and server on one machine. */
  readonly requestsPerSecond: number;
  /** What one core can do: requests for each second of its CPU. */
  readonly requestsPerCoreSecond: number;
  /** How many answers had which status; those of queries, too. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly startSeconds: number;
  /** Resident memory with the fleet loaded, and after requests and queries, MB (10^6 bytes). */
  readonly fleetMB: number;
  readonly endMB: number;
  /** CPU of the app's count of all VMs by verdict; of a page of VMs that lack their identity in a region, and the next. */
  readonly countCpuSeconds: number;
  readonly firstPageCpuSeconds: number;
  readonly nextPageCpuSeconds: number;
}

type Ready = Pick<Azure, 'armEndpoint' | 'identityEndpoint' | 'identityHeader' | 'caFile'>;
type Call = (method: string, path: string, body?: string) => Promise<{ status: number; text: string }>;

interface Target {
  readonly url: string;
  readonly body: string;
}

const CONNECTIONS = 32;
const WARM_UP = 2000;
const PAGE = 1000;
const MOST_MB = 2000;
const { policy } = readSettings({ SCOPES: '/subscriptions/10000000-0000-4000-8000-000000000001' });

export const emulator: Scenario = {
  about: 'what the embedded Azure takes itself: requests on one core, memory and queries of a large fleet',
  async run(quick, say, { sizes }) {
    const all: Load[] = [];
    for (const vms of sizes.length > 0 ? sizes : [quick ? 10_000 : 1_000_000]) {
      const load = await measure(vms, quick ? 4000 : 100_000);
      say(`${number(vms)} VMs: ${number(load.requestsPerCoreSecond)} requests/s, ${number(load.endMB)} MB`);
      all.push(load);
    }
    return {
      figures: all,
      tables: [
        {
          title: 'The embedded Azure, in a process of its own (machine’s time)',
          head: [
            'VMs',
            'start s',
            'MB',
            'MB at the end',
            'requests/s of CPU',
            'requests/s of wall time',
            'count, CPU s',
            'first page, CPU s',
            'next page, CPU s',
          ],
          rows: all.map((load) => [
            number(load.vms),
            number(load.startSeconds, 1),
            number(load.fleetMB),
            number(load.endMB),
            number(load.requestsPerCoreSecond),
            number(load.requestsPerSecond),
            number(load.countCpuSeconds, 2),
            number(load.firstPageCpuSeconds, 2),
            number(load.nextPageCpuSeconds, 2),
          ]),
          notes: [
            `${number(all[0]?.requests ?? 0)} requests over ${CONNECTIONS} kept TLS connections, limits on: one half GETs of VMs, one half PATCHes of their identity.`,
          ],
        },
      ],
      regressions: all.flatMap(regressionsOf),
    };
  },
};

function regressionsOf({ vms, statuses, endMB }: Load): string[] {
  const wrong: string[] = [];
  if (Object.keys(statuses).join() !== '200') {
    wrong.push(`${number(vms)} VMs: answers ${JSON.stringify(statuses)}, expected 200 only`);
  }
  if (endMB > MOST_MB) wrong.push(`${number(vms)} VMs: ${number(endMB)} MB, expected ${MOST_MB} at most`);
  return wrong;
}

async function measure(vms: number, requests: number): Promise<Load> {
  const startedAt = performance.now();
  const server = await startProcess<Ready>('emulatorServer.ts', { vms });
  try {
    const startSeconds = secondsSince(startedAt);
    const fleetMB = (await usageOf(server)).rss / 1e6;
    const statuses: Record<string, number> = {};
    const call = counted(await caller(server.first), statuses);
    const targets = targetsOf(vms);
    const cpuOf = async <T>(work: () => Promise<T>) => {
      const { cpuSeconds } = await usageOf(server);
      const result = await work();
      return { result, cpuSeconds: (await usageOf(server)).cpuSeconds - cpuSeconds };
    };

    await send(call, targets, WARM_UP);
    const from = performance.now();
    const sent = await cpuOf(() => send(call, targets, requests));
    const wallSeconds = secondsSince(from);

    const filter = { policy, excluded: [], groups: [] };
    const list = vmIdsQuery(filter, { verdicts: [GOAL_MISSING], location: 'eastus' });
    const count = await cpuOf(() => query(call, countQuery(filter)));
    const first = await cpuOf(() => query(call, list));
    const next = await cpuOf(() => query(call, list, first.result));
    return {
      vms,
      requests,
      requestsPerSecond: requests / wallSeconds,
      requestsPerCoreSecond: requests / sent.cpuSeconds,
      statuses,
      startSeconds,
      fleetMB,
      endMB: (await usageOf(server)).rss / 1e6,
      countCpuSeconds: count.cpuSeconds,
      firstPageCpuSeconds: first.cpuSeconds,
      nextPageCpuSeconds: next.cpuSeconds,
    };
  } finally {
    await server.stop();
  }
}

function usageOf(server: Process): Promise<Usage> {
  return server.ask<Usage>('usage');
}

async function send(call: Call, targets: readonly Target[], count: number): Promise<void> {
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (sent < count) {
      const turn = sent++;
      const { url, body } = targets[(turn >> 1) % targets.length] as Target;
      await (turn % 2 === 0 ? call('GET', url) : call('PATCH', url, body));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

/** Asks Resource Graph for a page. Resolves with the token of the next one. */
async function query(call: Call, text: string, skipToken?: string): Promise<string | undefined> {
  const options = { $top: PAGE, ...(skipToken && { $skipToken: skipToken }) };
  const path = '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01';
  const answer = await call('POST', path, JSON.stringify({ query: text, options }));
  return JSON.parse(answer.text).$skipToken;
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

function counted(call: Call, statuses: Record<string, number>): Call {
  return async (method, path, body) => {
    const answer = await call(method, path, body);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    return answer;
  };
}

async function caller({ armEndpoint, identityEndpoint, identityHeader, caFile }: Ready): Promise<Call> {
  const url = `${identityEndpoint}?resource=arm&api-version=2019-08-01`;
  const signIn = await fetch(url, { headers: { 'x-identity-header': identityHeader } });
  const { access_token: token } = (await signIn.json()) as { access_token: string };
  const agent = new https.Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: readFileSync(caFile) });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (method, path, body) =>
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
