import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outcome } from '../../src/domain/outcome.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { noteTaker, regionNotesSchema } from '../../src/report/regionNotes.ts';
import { aVmId, regionalIdentity } from '../builders.ts';
import { NOW } from './aReport.ts';

const about = { sweepId: 'sweep-1', location: 'eastus' };
const report = (name: string, of: VmReport['outcome']): VmReport => ({
  ...{ vm: aVmId(name), location: 'eastus', goal: regionalIdentity('eastus'), outcome: of, attempts: 1 },
});

describe('the notes of a region', () => {
  it('hold how each VM ended and when, counts of all, and problems that are about no VM', () => {
    const taker = noteTaker(about, () => NOW);
    taker.add(report('a', outcome('failed', 'forbidden', 'no\nno', 'grant\nit')));
    taker.add(report('b', outcome('assigned', 'goal-added')));
    const problem = { subject: 's', reason: 'r', detail: 'd', next: 'n' };

    const notes = taker.close(
      [
        { ...problem, vms: 0 },
        { ...problem, reason: 'forbidden', vms: 1 },
      ],
      undefined,
    );

    assert.deepEqual(regionNotesSchema.parse(JSON.parse(JSON.stringify(notes))), notes);
    assert.deepEqual(
      notes.vms.map(({ id, at, ...rest }) => rest),
      [
        { outcome: 'failed', reason: 'forbidden', detail: 'no no', next: 'grant it' },
        { outcome: 'assigned', reason: 'goal-added' },
      ],
    );
    assert.equal(notes.vms[0]?.at, new Date(NOW).toISOString());
    assert.deepEqual([notes.tally.failed, notes.tally.assigned], [{ forbidden: 1 }, { 'goal-added': 1 }]);
    assert.deepEqual(notes.problems, [problem]);
  });

  it('are joined with earlier ones of the same sweep, the later word on a VM counting, and replace those of another', () => {
    const first = noteTaker(about, () => NOW);
    first.add(report('a', outcome('failed', 'throttled')));
    first.add(report('b', outcome('failed', 'forbidden')));
    const earlier = first.close([], undefined);
    const run = (sweepId: string) => {
      const taker = noteTaker({ ...about, sweepId }, () => NOW + 1000);
      taker.add(report('A', outcome('assigned', 'goal-added')));
      return taker.close([], earlier);
    };

    const joined = run('sweep-1');
    const replaced = run('sweep-2');

    assert.deepEqual(
      joined.vms.map(({ reason }) => reason),
      ['goal-added', 'forbidden'],
    );
    assert.deepEqual(joined.tally.failed, { forbidden: 1 });
    assert.deepEqual(
      replaced.vms.map(({ reason }) => reason),
      ['goal-added'],
    );
    assert.deepEqual(replaced.tally.failed, {});
  });

  it('are bounded for each outcome, so that many of one leave room for the others', () => {
    const taker = noteTaker(about, () => NOW);
    for (let n = 0; n < 12_000; n++) taker.add(report(`vm-${n}`, outcome('deferred', 'sweep-limit')));
    taker.add(report('last', outcome('failed', 'forbidden', 'x'.repeat(5000))));

    const { vms, tally } = taker.close([], undefined);

    assert.equal(vms.length, 10_001);
    assert.equal(vms.at(-1)?.detail?.length, 600);
    assert.deepEqual(tally.deferred, { 'sweep-limit': 12_000 });
  });
});
