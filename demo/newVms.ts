import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import { demoPlaces } from '../emulator/fleet/demo.ts';

/** Where new VMs are made, and where to tell of them. */
export interface LiveOptions {
  readonly controlEndpoint: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly speed: number;
  say(text: string): void;
}

interface Call {
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly principal: string;
}

const HOW_MANY = 24;
const MOST_MS = 60_000;

/**
 * Creates VMs through Resource Manager, as a principal that is not the remediator, a few at a time, and waits until
 * the remediator has written each of them. Returns what to print about it, and how many were not written in a minute.
 */
export async function createVmsLive(options: LiveOptions): Promise<{ lines: string[]; missing: number }> {
  const { controlEndpoint, settings, speed, say } = options;
  // The host's own identity, which is who signs in without a client id.
  const credential = new ManagedIdentityCredential();
  const made = new Map<string, { name: string; location: string; tookMs?: number }>();
  for (let number = 0; number < HOW_MANY; number++) {
    const place = demoPlaces[number % demoPlaces.length];
    if (!place) throw new Error('The demo tenant has no place for new VMs.');
    const { subscriptionId, group, location } = place;
    const compute = new ComputeManagementClient(credential, subscriptionId, {
      endpoint: settings.ARM_ENDPOINT ?? '',
    });
    const name = `vm-new-${String(number + 1).padStart(2, '0')}`;
    await compute.virtualMachines.createOrUpdate(group, name, { location }).submitted();
    made.set(`/subscriptions/${subscriptionId}/resourcegroups/${group}/`.toLowerCase() + name, {
      name,
      location,
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  say(`  ${HOW_MANY} VMs are being created …`);

  const end = Date.now() + MOST_MS;
  const waiting = () => [...made.values()].filter(({ tookMs }) => tookMs === undefined).length;
  while (waiting() > 0 && Date.now() < end) {
    const [calls, deliveries] = await Promise.all([
      get<Call[]>(controlEndpoint, '/journal'),
      get<{ subject: string; eventTime: string }[]>(controlEndpoint, '/deliveries'),
    ]);
    const completed = new Map(
      deliveries.map(({ subject, eventTime }) => [keyOf(subject), Date.parse(eventTime)]),
    );
    for (const { method, path, status, time } of calls) {
      const vm = method === 'PATCH' && status < 300 ? made.get(keyOf(path)) : undefined;
      const createdAt = completed.get(keyOf(path));
      if (!vm || vm.tookMs !== undefined || createdAt === undefined) continue;
      vm.tookMs = (Date.parse(time) - createdAt) / speed;
      say(`  ${vm.name}  ${vm.location.padEnd(14)} assigned ${duration(vm.tookMs)} after it was created`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const took = [...made.values()].flatMap(({ tookMs }) => tookMs ?? []).sort((a, b) => a - b);
  const at = (share: number) => duration(took[Math.max(0, Math.ceil(took.length * share) - 1)] ?? 0);
  return {
    missing: waiting(),
    lines: [
      `\n  Time to assign, from the end of a VM's creation to the accepted write: p50 ${at(0.5)}, p95 ${at(0.95)}`,
      `  (${took.length} VMs, in this machine's time, whose Event Grid is faster than Azure's).`,
    ],
  };
}

// From the group on, as the rest of an id is the same for all.
function keyOf(id: string): string {
  const [, , subscription, , group, , , , name] = id.toLowerCase().split('/');
  return `/subscriptions/${subscription}/resourcegroups/${group}/${name}`;
}

async function get<T>(endpoint: string, route: string): Promise<T> {
  return (await (await fetch(`${endpoint}${route}`)).json()) as T;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
