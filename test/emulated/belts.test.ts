import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { total } from '../../src/domain/outcome.ts';
import type { RegionMessage } from '../../src/queues.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { anApp, azureForEachTest, callsTo, lockOn, quiet, VM_PATH, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

const azure = await azureForEachTest();

/** VMs, some of which no write gets through to. */
async function seedFleet(vms: readonly { region: string; subscription: string; locked: boolean }[]) {
  azure.store.clear();
  azure.journal.clear();
  for (const [n, { region, subscription, locked }] of vms.entries()) {
    const vm = vmIn(subscription, `vm-${n}`, { location: region });
    await azure.seed(locked ? [vm, lockOn(vm)] : [vm]);
  }
}

/** Every message of a sweep and all that follow from it, each run with little time. Returns how many runs it took. */
async function runChains(settings: Record<string, string>, budgetMs: number): Promise<number> {
  const one = shared(anApp(azure, settings));
  let runs = 0;
  for (const message of await startSweep(one, quiet)) {
    let next: RegionMessage | undefined = message;
    for (; next && runs < 100; runs++) {
      // More each time, so that a slow machine comes to an end, too.
      next = await workRegion(one, next, quiet, { redelivered: false, budgetMs: budgetMs * (1 + runs / 5) });
    }
  }
  return runs;
}

/** How many writes of VMs Azure accepted. */
const accepted = (): number =>
  azure.journal
    .calls()
    .filter(({ method, path, status }) => method === 'PATCH' && VM_PATH.test(path) && status < 300).length;

const aFleet = fc.array(
  fc.record({
    region: fc.constantFrom('eastus', 'westeurope', 'westus'),
    subscription: fc.constantFrom(SUBSCRIPTION, OTHER_SUBSCRIPTION),
    locked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('MAX_ASSIGNMENTS_PER_SWEEP holds for any fleet:', () => {
  it('in a sweep of the command line', async () => {
    await fc.assert(
      fc.asyncProperty(aFleet, fc.integer({ min: 1, max: 45 }), async (fleet, limit) => {
        await seedFleet(fleet);

        const { tally } = await sweep(anApp(azure, { MAX_ASSIGNMENTS_PER_SWEEP: String(limit) }));

        const good = fleet.filter(({ locked }) => !locked).length;
        assert.equal(accepted(), Math.min(limit, good));
        assert.equal(total(tally, 'assigned'), Math.min(limit, good));
        assert.equal(
          total(tally, 'failed') + total(tally, 'deferred') + total(tally, 'assigned'),
          fleet.length,
        );
      }),
      { numRuns: 15 },
    );
  });

  it('in the chains of messages of the timer', async () => {
    await fc.assert(
      fc.asyncProperty(aFleet, fc.integer({ min: 1, max: 45 }), async (fleet, limit) => {
        await seedFleet(fleet);
        azure.faults.clear();
        azure.faults.add({ method: 'PATCH', path: '', times: 1000, headers: {}, latencyMs: 10 });

        await runChains({ MAX_ASSIGNMENTS_PER_SWEEP: String(limit) }, 25);

        assert.ok(accepted() <= limit);
      }),
      { numRuns: 15 },
    );
  });

  it('is used up by writes that Azure accepts, not by VMs that fail, whichever come first', async () => {
    const locked = (n: number) => n < 40;
    await seedFleet(
      Array.from({ length: 60 }, (_, n) => ({
        region: 'eastus',
        subscription: SUBSCRIPTION,
        locked: locked(n),
      })),
    );

    const { tally } = await sweep(anApp(azure, { MAX_ASSIGNMENTS_PER_SWEEP: '5' }));

    assert.equal(total(tally, 'assigned'), 5);
  });
});

describe('FAILURE_THRESHOLD_PERCENT', () => {
  const fleet = (good: number, locked: number) =>
    Array.from({ length: good + locked }, (_, n) => ({
      region: 'eastus',
      subscription: SUBSCRIPTION,
      locked: n < locked,
    }));

  it('stops a region whose VMs fail, and says so of those it did not get to', async () => {
    await seedFleet(fleet(0, 200));

    const { tally } = await sweep(anApp(azure, { FAILURE_THRESHOLD_PERCENT: '10' }));

    // What 16 places had begun is finished.
    assert.ok(total(tally, 'failed') <= 3 + 16, `${total(tally, 'failed')} failed`);
    assert.equal(tally.deferred['failure-threshold'], 200 - total(tally, 'failed'));
  });

  it('does not stop a region for the failures it allows, wherever they come', async () => {
    await seedFleet(fleet(40, 2));

    const { tally } = await sweep(anApp(azure, { FAILURE_THRESHOLD_PERCENT: '10' }));

    assert.equal(total(tally, 'assigned'), 40);
    assert.equal(total(tally, 'deferred'), 0);
  });

  it('stops no other region', async () => {
    await seedFleet([...fleet(0, 60), ...fleet(5, 0).map((vm) => ({ ...vm, region: 'westus' }))]);

    const { tally } = await sweep(anApp(azure, { FAILURE_THRESHOLD_PERCENT: '10' }));

    assert.equal(total(tally, 'assigned'), 5);
  });

  it('counts over the runs of a chain, and ends it', async () => {
    await seedFleet(fleet(0, 60));
    const one = shared(anApp(azure, { FAILURE_THRESHOLD_PERCENT: '90' }));
    const message = { version: 1, location: 'eastus', until: '2099-01-01T00:00:00.000Z' } as const;
    const sweepId = '5ca1ab1e-0001-4000-8000-000000000001';

    // Nine of ten have failed so far: one failure more is too much.
    const next = await workRegion(one, { ...message, sweepId, looked: 1000, failed: 901 }, quiet, {
      redelivered: false,
    });

    assert.equal(next, undefined);
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 0);
  });

  it('hands on how many failed, where the time of a run is spent', async () => {
    await seedFleet(fleet(40, 40));
    azure.faults.add({ method: 'PATCH', path: '', times: 1000, headers: {}, latencyMs: 250 });
    const one = shared(anApp(azure, { FAILURE_THRESHOLD_PERCENT: '99' }));
    const [message] = await startSweep(one, quiet);

    let next = message;
    // More each time, until a run gets to its first VMs: 16, as writes take a while.
    for (let budgetMs = 1000; next && callsTo(azure, /PATCH/, VM_PATH) === 0; budgetMs *= 2) {
      next = await workRegion(one, next, quiet, { redelivered: false, budgetMs });
    }

    const refused = callsTo(azure, /PATCH/, VM_PATH) - accepted();
    assert.deepEqual([next?.looked, next?.failed], [accepted() + refused, refused]);
  });
});
