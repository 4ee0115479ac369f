import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makespan, type Work } from '../../../src/domain/makespan.ts';

const minutes = (work: Work[], share = 1) => Number((makespan(work, share).seconds / 60).toFixed(6));
const some = (vms: number, subscriptionId = 's', location = 'eastus'): Work => ({
  subscriptionId,
  location,
  vms,
  otherWrites: 0,
});

// The derived figures at the end of azure-facts.md.
describe('makespan', () => {
  it('of 10,000 VMs in one subscription and region is 17 minutes, by the VM updates', () => {
    assert.equal(minutes([some(10_000)]), 17);
    assert.match(makespan([some(10_000)], 1).heldBackBy?.name ?? '', /VM updates/);
  });

  it('of 100,000 VMs in 50 subscriptions and one region is 83 minutes, by the assignments of the tenant', () => {
    const work = Array.from({ length: 50 }, (_, n) => some(2000, `s${n}`));

    assert.equal(minutes(work), 83);
    assert.match(makespan(work, 1).heldBackBy?.name ?? '', /of the tenant/);
  });

  it('of 2,000 VMs in two regions of one subscription is 3 minutes, by the writes of the subscription', () => {
    const work = [some(1000, 's', 'eastus'), some(1000, 's', 'westus')];

    assert.equal(minutes(work), 3);
    assert.match(makespan(work, 1).heldBackBy?.name ?? '', /writes/);
  });

  it('grows with what a smaller share leaves', () => {
    // 70 % of 1,500 and of 500 a minute.
    assert.equal(Math.round(minutes([some(10_000)], 0.7) * 350), 10_000 - 1050);
  });

  it('of what fits the full buckets is nothing', () => {
    assert.deepEqual(makespan([some(100)], 1), { seconds: 0, heldBackBy: undefined });
  });

  const anyWork = fc.array(
    fc.record({
      subscriptionId: fc.constantFrom('a', 'b', 'c'),
      location: fc.constantFrom('eastus', 'westus'),
      vms: fc.nat(20_000),
      otherWrites: fc.nat(5),
    }),
  );

  it('never shrinks with more work or a smaller share', () => {
    fc.assert(
      fc.property(anyWork, anyWork, fc.integer({ min: 1, max: 100 }), (work, more, percent) => {
        const now = makespan(work, percent / 100).seconds;

        assert.ok(makespan([...work, ...more], percent / 100).seconds >= now);
        assert.ok(makespan(work, percent / 200).seconds >= now);
      }),
    );
  });
});
