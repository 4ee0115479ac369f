import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { ideal, type Spread } from '../../../bench/ideal.ts';
import type { App } from '../../../src/app.ts';
import { inRegion } from '../../../src/azure/callContext.ts';
import { outcome } from '../../../src/domain/outcome.ts';
import { writeLimit } from '../../../src/remediation/writeLimit.ts';
import { writeRegion } from '../../../src/remediation/writeRegion.ts';
import { bucketServer } from '../../bucketServer.ts';
import { aPolicy, aVmId } from '../../builders.ts';
import { pacedPipeline } from '../../pacedPipeline.ts';
import { steppedClock } from '../../steppedClock.ts';

const SHARE = 0.7;
const PAGE_SIZE = 1000;

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

  let picks = 0;
  const app = {
    settings: { policy: aPolicy(), failureThreshold: 0.1 },
    random: () => (picks++ * 0.414) % 1,
  } as unknown as App;
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
        const found = ids.flatMap((id) =>
          Array.from({ length: each }, (_, n) => ({
            vm: aVmId(`vm-${n}-${location}`, 'g', id),
            groupSeen: true,
          })),
        );
        for (let from = 0; from < found.length; from += PAGE_SIZE) {
          await send('POST', '/providers/Microsoft.ResourceGraph/resources');
          yield found.slice(from, from + PAGE_SIZE);
        }
      },
      heldBack: undefined,
      async start({ vm }) {
        await send('GET', vm.id);
        await inRegion(location, () => send('PATCH', vm.id));
        written++;
        writtenAt = clock.now();
        const report = { vm, location, goal: '', outcome: outcome('assigned', 'goal-added'), attempts: 1 };
        return { state: 'ended', report };
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
  // Each subscription is busy for most of the time at its own limit: one that is begun late ends late.
  it('is as fast as Azure allows where many subscriptions of many VMs share several regions', async () => {
    const fleet = { vms: 30_600, subscriptions: 12, regions: 5 };

    const { refused, seconds } = await writeAll(fleet);

    assert.deepEqual(refused, []);
    const efficiency = ideal(fleet, SHARE).seconds / seconds;
    assert.ok(efficiency >= 0.92 && efficiency <= 1, `efficiency ${efficiency}`);
  });
});
