import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { ideal, type Spread } from '../../../bench/ideal.ts';
import type { App } from '../../../src/app.ts';
import { inRegion } from '../../../src/azure/callContext.ts';
import { AzureError } from '../../../src/azure/errors.ts';
import type { FoundVm } from '../../../src/azure/vmLists.ts';
import type { SoFar } from '../../../src/domain/failureThreshold.ts';
import { type Outcome, outcome } from '../../../src/domain/outcome.ts';
import type { Started, VmReport } from '../../../src/remediation/vm.ts';
import { writeLimit } from '../../../src/remediation/writeLimit.ts';
import { writeRegion } from '../../../src/remediation/writeRegion.ts';
import { bucketServer } from '../../bucketServer.ts';
import { aPolicy, aVmId, OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../../builders.ts';
import { pacedPipeline } from '../../pacedPipeline.ts';
import { steppedClock } from '../../steppedClock.ts';

const SHARE = 0.7;
const PAGE_SIZE = 1000;

/** What `writeRegion` knows of the app. */
function appWith(failureThreshold: number): App {
  let picks = 0;
  const random = () => (picks++ * 0.414) % 1;
  return { settings: { policy: aPolicy(), failureThreshold }, random } as unknown as App;
}

const found = (name: string, subscription: string) => ({
  vm: aVmId(name, 'g', subscription),
  groupSeen: true,
});

const ended = ({ vm }: FoundVm, how: Outcome): Started => ({
  state: 'ended',
  report: { vm, location: 'eastus', goal: '', outcome: how, attempts: 1 },
});
const done = outcome('assigned', 'goal-added');
const locked = outcome('failed', 'read-only-lock');

/** Lets a region of so many VMs in each of these subscriptions be written. */
async function write(
  vmsOf: Readonly<Record<string, number>>,
  start: (found: FoundVm) => Promise<Started>,
  {
    failureThreshold = 1,
    most = Number.POSITIVE_INFINITY,
    before,
    unreadable,
  }: { failureThreshold?: number; most?: number; before?: SoFar; unreadable?: string } = {},
) {
  const reports: VmReport[] = [];
  const subscriptions = Object.entries(vmsOf).map(([subscriptionId, vms]) => ({ subscriptionId, vms }));
  const total = subscriptions.reduce((sum, { vms }) => sum + vms, 0);
  const limit = writeLimit(most);
  const run = {
    limit,
    stopped: () => false,
    onVm: (report: VmReport) => void reports.push(report),
    ...(before && { before }),
  };
  const end = await writeRegion(
    appWith(failureThreshold),
    { location: 'eastus', total, subscriptions },
    run,
    {
      async *pages(ids) {
        if (unreadable !== undefined && ids.includes(unreadable))
          throw new AzureError('forbidden', 'Not yours.');
        yield ids.flatMap((id) => Array.from({ length: vmsOf[id] ?? 0 }, (_, n) => found(`vm-${n}`, id)));
      },
      heldBack: undefined,
      start,
    },
  );
  const ends = reports.map(({ outcome }) => outcome.reason);
  return {
    end,
    left: limit.left(),
    count: (reason: string) => ends.filter((each) => each === reason).length,
  };
}

/** Writes all VMs of such a fleet, regions side by side, on Azure's buckets; each call takes a second and a half at most. */
async function writeAll({ vms, subscriptions, regions }: Spread) {
  const clock = steppedClock();
  const regionOf = (path: string) => path.split('-').at(-1) ?? '';
  let calls = 0;
  const latency = () => 150 + 1350 * ((calls++ * 0.618) % 1) ** 3;
  const server = bucketServer(clock, latency, regionOf);
  const pipeline = pacedPipeline(clock, SHARE);
  const send = (method: 'GET' | 'PATCH' | 'POST', path: string) =>
    pipeline.sendRequest(server, createPipelineRequest({ method, url: `https://x${path}` }));

  const app = appWith(1);
  const each = vms / subscriptions / regions;
  let written = 0;
  let writtenAt = 0;

  const writeOne = (number: number) => {
    const location = `r${number}`;
    const work = Array.from({ length: subscriptions }, (_, n) => ({
      subscriptionId: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
      vms: each,
    }));
    const run = { limit: writeLimit(Number.POSITIVE_INFINITY), stopped: () => false, onVm: () => undefined };
    return writeRegion(app, { location, total: vms / regions, subscriptions: work }, run, {
      async *pages(ids) {
        const all = ids.flatMap((id) =>
          Array.from({ length: each }, (_, n) => found(`vm-${n}-${location}`, id)),
        );
        for (let from = 0; from < all.length; from += PAGE_SIZE) {
          await send('POST', '/providers/Microsoft.ResourceGraph/resources');
          yield all.slice(from, from + PAGE_SIZE);
        }
      },
      heldBack: undefined,
      async start(one) {
        await send('GET', one.vm.id);
        await inRegion(location, () => send('PATCH', one.vm.id));
        written++;
        writtenAt = clock.now();
        return ended(one, done);
      },
    });
  };
  const startedAt = clock.now();
  const all = Promise.all(Array.from({ length: regions }, (_, number) => writeOne(number)));
  await clock.runOut(3_600_000);
  await all;
  assert.equal(written, vms);
  return { refused: server.refused, seconds: (writtenAt - startedAt) / 1000 };
}

describe('writing regions', () => {
  const fleets: [string, Spread][] = [
    // Each subscription is busy for most of the time at its own limit: one that is begun late ends late.
    ['many subscriptions of many VMs share several regions', { vms: 30_600, subscriptions: 12, regions: 5 }],
    // All of them share a page.
    ['many subscriptions of few VMs share a region', { vms: 1000, subscriptions: 20, regions: 1 }],
  ];
  for (const [where, fleet] of fleets) {
    it(`is as fast as Azure allows where ${where}`, async () => {
      const { refused, seconds } = await writeAll(fleet);

      assert.deepEqual(refused, []);
      const efficiency = ideal(fleet, SHARE).seconds / seconds;
      assert.ok(efficiency >= 0.9 && efficiency <= 1, `efficiency ${efficiency}`);
    });
  }

  it('lets no subscription that is held up hold up another, though they share a page', async () => {
    let others = 0;
    const never = new Promise<Started>(() => undefined);

    void write({ [SUBSCRIPTION]: 50, [OTHER_SUBSCRIPTION]: 50 }, (one) => {
      if (one.vm.subscriptionId === SUBSCRIPTION) return never;
      others++;
      return Promise.resolve(ended(one, done));
    });
    await new Promise((resolve) => setTimeout(resolve, 50));

    assert.equal(others, 50);
  });

  it('writes what can be read where a subscription cannot, and says why the rest was not', async () => {
    const fleet = { [SUBSCRIPTION]: 700, [OTHER_SUBSCRIPTION]: 700 };

    const { end, count } = await write(fleet, async (one) => ended(one, done), { unreadable: SUBSCRIPTION });

    assert.equal(count('goal-added'), 700);
    assert.deepEqual([end.unread?.message, end.cut, end.looked], ['Not yours.', false, 700]);
  });

  it('counts a VM that failed in an earlier run, and fails again, once', async () => {
    const before = { looked: 100, failed: 8 };
    let n = 0;

    const { end, count } = await write(
      { [SUBSCRIPTION]: 108 },
      async (one) => ended(one, n++ < 8 ? locked : done),
      { before, failureThreshold: 0.1 },
    );

    assert.equal(count('failure-threshold'), 0);
    assert.deepEqual([end.looked, end.failed], [200, 8]);
  });

  it('spends its limit on writes that Azure accepted, or may have', async () => {
    const lost = outcome('failed', 'transient');
    let n = 0;

    const { left, count } = await write(
      { [SUBSCRIPTION]: 100 },
      async (one) => {
        const at = n++;
        return ended(one, at < 40 ? locked : at < 43 ? lost : done);
      },
      { most: 10 },
    );

    assert.deepEqual(['read-only-lock', 'transient', 'goal-added', 'sweep-limit'].map(count), [40, 3, 7, 50]);
    assert.equal(left, 0);
  });
});
