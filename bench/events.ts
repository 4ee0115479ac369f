import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import { subscriptionNumber } from '../emulator/fleet/generate.ts';
import { subscribe } from '../local/embeddedAzure.ts';
import { startLocalHost } from '../local/host.ts';
import { type BenchAzure, refusals, withAzure } from './benchAzure.ts';
import { ideal } from './ideal.ts';
import { number, quantile, type Scenario } from './scenario.ts';
import { trustAzure } from './trustAzure.ts';

interface Latencies {
  readonly what: string;
  readonly vms: number;
  /** From the event's time to the accepted write, seconds, of each VM. */
  readonly seconds: readonly number[];
  /** The soonest at which that share of them could be written by the limits at our share, seconds. */
  readonly least: readonly number[];
  /** How often Azure refused meanwhile. */
  readonly refused: number;
}

const SHARES = [0.5, 0.95, 0.99];
const SUBSCRIPTIONS = 5;
const FLEET = { vms: SUBSCRIPTIONS, subscriptions: SUBSCRIPTIONS, regions: 1, missingOneOf: 0 };
const LONGEST_MS = 400_000;
// Functions adds instances for a long queue; these stand for them.
const WORKERS = 4;
const { extensions } = JSON.parse(readFileSync(join(import.meta.dirname, '../host.json'), 'utf8'));
const PLACES = extensions.queues.batchSize + extensions.queues.newBatchThreshold;
const root = join(import.meta.dirname, '..');

export const events: Scenario = {
  about: 'from a VM’s event to the accepted write, through the local host’s real queues',
  async run(quick, say) {
    // At the machine's time, as the queues are. Creations take no time, so that a burst is one.
    const all = await withAzure({ fleet: FLEET, speed: 1, operationScale: 0 }, async (azure) => {
      trustAzure(azure);
      const host = await startLocalHost({
        root,
        mainFile: join(root, 'src/main.ts'),
        workers: WORKERS,
        settings: { ...azure.env, SWEEP_SCHEDULE: '0 0 0 1 1 *' },
      });
      try {
        const { controlEndpoint, env: settings } = azure;
        await subscribe({ controlEndpoint, settings }, 'vmWritten', host.webhookUrl('vmWritten'));
        await measure(azure, 'warm-up', 5, 500);
        const measured: Latencies[] = [];
        for (const [what, vms, gapMs] of [
          ['single VMs', quick ? 3 : 20, 1500],
          ['burst', 100, 0],
          ...(quick ? [] : [['burst', 1000, 0] as const]),
        ] as const) {
          const one = await measure(azure, what, vms, gapMs);
          say(`${what} of ${vms}: p50 ${number(quantile(one.seconds, 0.5), 2)} s, ${one.refused} 429s`);
          measured.push(one);
          // Until all buckets are full again.
          if (vms >= 100) await delay(quick ? 0 : 45_000);
        }
        return measured;
      } finally {
        await host.stop();
      }
    });
    return {
      figures: all,
      regressions: [],
      tables: [
        {
          title:
            'From event to accepted write, 5 subscriptions, 1 region, share 70 % (seconds, the machine’s time)',
          head: ['what', 'VMs', ...SHARES.flatMap((share) => [`p${share * 100}`, 'least']), '429s'],
          rows: all.map(({ what, vms, seconds, least, refused }) => [
            what,
            number(vms),
            ...SHARES.flatMap((share, index) => [
              number(quantile(seconds, share), 2),
              number(least[index] ?? 0, 1),
            ]),
            number(refused),
          ]),
          notes: [
            `${WORKERS} worker processes; each holds ${PLACES} messages at most, and a message its place until the VM is confirmed, 12 s.`,
            'least: the soonest Azure’s limits allow for that many VMs. Azure’s own Event Grid is slower.',
          ],
        },
      ],
    };
  },
};

let made = 0;

async function measure(azure: BenchAzure, what: string, vms: number, gapMs: number): Promise<Latencies> {
  // The host's own identity, which is not the remediator's.
  const credential = new ManagedIdentityCredential();
  const names = new Set<string>();
  const since = Date.now();
  const creating: Promise<unknown>[] = [];
  for (let count = 0; count < vms; count++) {
    const compute = new ComputeManagementClient(credential, subscriptionNumber((count % SUBSCRIPTIONS) + 1), {
      endpoint: azure.env.ARM_ENDPOINT ?? '',
    });
    const name = `vm-event-${made++}`;
    names.add(name);
    creating.push(
      compute.virtualMachines.createOrUpdate('rg-app-0', name, { location: 'eastus' }).submitted(),
    );
    if (gapMs > 0) await delay(gapMs * (0.5 + Math.random()));
  }
  await Promise.all(creating);
  const end = Date.now() + LONGEST_MS;
  for (;;) {
    await delay(500);
    const accepted = Object.entries(await azure.acceptedAt()).filter(([id]) => names.has(nameOf(id)));
    if (accepted.length < vms && Date.now() < end) continue;
    if (accepted.length < vms)
      throw new Error(`${vms - accepted.length} of ${vms} new VMs were not written.`);
    const response = await fetch(`${azure.controlEndpoint}/deliveries`);
    const eventAt = new Map<string, number>();
    for (const { subject, eventTime } of (await response.json()) as {
      subject: string;
      eventTime: string;
    }[]) {
      const key = nameOf(subject);
      eventAt.set(key, Math.min(eventAt.get(key) ?? Number.POSITIVE_INFINITY, Date.parse(eventTime)));
    }
    const seconds = accepted.map(([id, at]) => {
      const from = eventAt.get(nameOf(id));
      if (from === undefined) throw new Error(`No event of ${id} was delivered, though it was written.`);
      return (at - from) / 1000;
    });
    const atOnce = gapMs > 0 ? 1 : vms;
    const least = SHARES.map((share) => ideal({ ...FLEET, vms: Math.ceil(atOnce * share) }, 0.7).seconds);
    const refused = refusals(await azure.digest(since));
    return { what, vms, seconds, least, refused };
  }
}

function nameOf(id: string): string {
  return id.toLowerCase().split('/').at(-1) ?? '';
}
