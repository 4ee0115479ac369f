import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { Clock } from '../src/clock.ts';

/** Azure's throttling and nothing else, on a clock that tests step: what the embedded Azure does, without the waiting. */
export interface BucketServer extends HttpClient {
  /** How many requests were let in, and how many of whom were refused, by bucket. */
  readonly accepted: number;
  readonly refused: readonly string[];
  /** When the last request was let in, ms. */
  readonly lastAt: number;
  /** Takes tokens as another client of the customer's would; returns how many it was refused. */
  takeAsNeighbour(bucket: string, tokens: number): number;
  /** What the bucket holds. */
  level(bucket: string): number;
}

/** How long a request takes there and back, ms. */
export type Latency = () => number;

// Size, refill, and after how many seconds that comes, all at once. Source: azure-facts, sections 1 to 4, and wire
// recordings a06 and a07 for Compute's minutes. Written down anew, so that the app's own table is checked.
const LIMITS: Readonly<Record<string, readonly [number, number, number]>> = {
  reads: [250, 25, 1],
  writes: [200, 10, 1],
  updates: [1500, 500, 60],
  vm: [12, 4, 60],
  assign: [300, 300, 20],
  tenantAssign: [400, 400, 20],
  graph: [15, 15, 5],
};

/** Makes a server with full buckets. Requests carry their VM's region in a header, which real ones do not need. */
export function bucketServer(clock: Clock, latency: Latency, regionOf: (vm: string) => string): BucketServer {
  const buckets = new Map<string, { level: number; since: number }>();
  const refused: string[] = [];
  let accepted = 0;
  let lastAt = 0;

  function bucket(key: string) {
    const [size, refill, seconds] = LIMITS[key.split(' ')[0] ?? ''] ?? [0, 0, 1];
    const known = buckets.get(key) ?? { level: size, since: clock.now() };
    const periods = Math.floor((clock.now() - known.since) / (seconds * 1000));
    known.level = Math.min(size, known.level + periods * refill);
    known.since += periods * seconds * 1000;
    // Periods are counted from the first call on a full bucket.
    if (known.level === size) known.since = clock.now();
    buckets.set(key, known);
    return known;
  }

  function keysOf({ method, url }: PipelineRequest): string[] {
    const { pathname } = new URL(url);
    const subscription = pathname.split('/')[2] ?? '';
    if (method === 'POST') return ['graph'];
    if (method === 'GET') return [`reads ${subscription}`];
    const region = regionOf(pathname);
    return [
      `writes ${subscription}`,
      `updates ${subscription} ${region}`,
      `assign ${subscription} ${region}`,
      `tenantAssign ${region}`,
      `vm ${pathname}`,
    ];
  }

  function answer(request: PipelineRequest): PipelineResponse {
    const keys = keysOf(request);
    const spent = keys.find((key) => bucket(key).level < 1);
    if (spent !== undefined) {
      refused.push(spent);
      return response(request, 429, { 'retry-after': '5', ...remaining(keys) }, refusal(spent));
    }
    for (const key of keys) bucket(key).level -= 1;
    accepted++;
    lastAt = clock.now();
    return response(request, 200, remaining(keys), '{}');
  }

  function remaining(keys: readonly string[]): Record<string, string> {
    const left = (name: string) => {
      const key = keys.find((each) => each.startsWith(`${name} `));
      return key && String(Math.max(0, Math.floor(bucket(key).level)));
    };
    const [reads, writes, updates, vm] = ['reads', 'writes', 'updates', 'vm'].map(left);
    return {
      ...(reads && { 'x-ms-ratelimit-remaining-subscription-reads': reads }),
      ...(writes && { 'x-ms-ratelimit-remaining-subscription-writes': writes }),
      ...(updates && {
        'x-ms-ratelimit-remaining-resource': `Microsoft.Compute/UpdateVMSubscriptionMaximum;${updates},Microsoft.Compute/UpdateVMResource;${vm}`,
      }),
    };
  }

  return {
    get accepted() {
      return accepted;
    },
    get lastAt() {
      return lastAt;
    },
    refused,
    async sendRequest(request) {
      const ms = latency();
      await clock.sleep(ms * 0.1);
      const answered = answer(request);
      await clock.sleep(ms * 0.9);
      return answered;
    },
    takeAsNeighbour(key, tokens) {
      const { level } = bucket(key);
      bucket(key).level = Math.max(0, level - tokens);
      return Math.max(0, tokens - Math.floor(level));
    },
    level: (key) => bucket(key).level,
  };
}

function refusal(bucket: string): string {
  const [layer] = bucket.split(' ');
  if (layer === 'reads' || layer === 'writes') return '{"error":{"code":"SubscriptionRequestsThrottled"}}';
  if (layer === 'assign' || layer === 'tenantAssign') return '{"error":{"code":"FailedIdentityOperation"}}';
  const target = layer === 'vm' ? 'UpdateVMResource' : 'UpdateVMSubscriptionMaximum';
  return JSON.stringify({
    code: 'OperationNotAllowed',
    details: [{ code: 'TooManyRequests', target, message: '{}' }],
  });
}

function response(
  request: PipelineRequest,
  status: number,
  headers: Record<string, string>,
  bodyAsText: string,
): PipelineResponse {
  return { request, status, headers: createHttpHeaders(headers), bodyAsText };
}
