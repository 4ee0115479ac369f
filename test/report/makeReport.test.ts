import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { historyOf, historySchema, withPoint } from '../../src/report/history.ts';
import { sharePercent, shareText } from '../../src/report/share.ts';
import {
  aPolicy,
  aVmId,
  OTHER_SUBSCRIPTION,
  otherIdentity,
  regionalIdentity,
  SUBSCRIPTION,
} from '../builders.ts';
import { aListedVm, aReport, NOW, SWEEP, someNotes } from './aReport.ts';

const HOUR = 3_600_000;
const before = { at: '2026-11-24T14:00:00.000Z', sweepId: 'sweep-1', vms: 10, compliant: 4, excluded: 1 };
const history = { version: 1 as const, points: [before], lacking: { [SUBSCRIPTION]: 6 }, problems: [] };

describe('the share', () => {
  it('leaves excluded VMs outside, counts a single identity as compliant, and says 100 only when it is all', () => {
    const listed = [
      aListedVm('lacks'),
      aListedVm('alone', { verdict: 'single-identity' }),
      aListedVm('tagged', { verdict: 'exclusion-tag' }),
    ];

    const { tenant } = aReport(listed, { carrying: 1998 });

    assert.deepEqual(tenant, { percent: 99.9, vms: 2000, compliant: 1999, lacking: 1, excluded: 1 });
    assert.equal(shareText(tenant), '99.9%');
    assert.equal(shareText({ vms: 0, compliant: 0 }), '–');
  });

  it('is never above the truth, and 100 exactly when all are compliant', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), (compliant, lacking) => {
        const vms = compliant + lacking;
        const share = sharePercent({ vms, compliant });

        if (vms === 0) assert.equal(share, undefined);
        else {
          assert.ok((share as number) * vms <= compliant * 100 * (1 + 1e-12));
          assert.equal(share === 100, lacking === 0);
        }
      }),
    );
  });
});

describe('roll-ups', () => {
  const listed = [
    aListedVm('a'),
    aListedVm('b', { location: 'westus' }),
    aListedVm('c', { subscription: OTHER_SUBSCRIPTION, location: 'westus' }),
    aListedVm('d', { subscription: OTHER_SUBSCRIPTION, verdict: 'managed-group' }),
  ];

  it('add up to the tenant by subscription, by region and by reason', () => {
    const report = aReport(listed, { carrying: 5 });

    for (const parts of [
      report.subscriptions,
      report.regions,
      report.subscriptions.flatMap((s) => s.regions),
    ]) {
      const sum = (of: 'vms' | 'compliant' | 'lacking' | 'excluded') =>
        parts.reduce((all, part) => all + part[of], 0);
      assert.deepEqual(
        {
          percent: report.tenant.percent,
          vms: sum('vms'),
          compliant: sum('compliant'),
          lacking: sum('lacking'),
          excluded: sum('excluded'),
        },
        report.tenant,
      );
    }
    assert.equal(
      report.reasons.reduce((all, { vms }) => all + vms, 0),
      9,
    );
  });

  it('begin with what lacks most, and name subscriptions', () => {
    const report = aReport(listed);

    assert.deepEqual(
      report.subscriptions.map(({ name, lacking }) => `${name} ${lacking}`),
      ['Online Shop 2', 'Analytics 1'],
    );
    assert.deepEqual(
      report.regions.map(({ location }) => location),
      ['westus', 'eastus'],
    );
  });
});

describe('a row', () => {
  it('says why the VM lacks its identity in the words of its last look, what to do, and what it carries', () => {
    const identity = { system: true, user: true, userAssigned: [otherIdentity()] };
    const note = { id: aVmId('VM-A').id, reason: 'read-only-lock', detail: 'ScopeLocked: …' };

    const { rows } = aReport([aListedVm('vm-a', { identity })], { notes: [someNotes([note])] });

    assert.equal(rows[0]?.reason, 'read-only-lock');
    assert.match(rows[0]?.next ?? '', /^Remove the lock .*\/virtualMachines\/vm-a with EXCLUDED_SCOPES\.$/);
    assert.equal(rows[0]?.goal, regionalIdentity('eastus'));
    assert.equal(rows[0]?.identityType, 'SystemAssigned, UserAssigned');
    assert.deepEqual(rows[0]?.identities, [otherIdentity()]);
    assert.deepEqual(rows[0]?.last, {
      outcome: 'failed',
      reason: 'read-only-lock',
      at: '2026-11-24T14:03:00.000Z',
      detail: 'ScopeLocked: …',
    });
  });

  it('of a VM that was assigned and lacks its identity again says that it was lost', () => {
    const long = { outcome: 'assigned', reason: 'goal-added' } as const;
    const just = { ...long, id: aVmId('vm-b').id, at: new Date(NOW - 60_000).toISOString() };

    const { rows, problems } = aReport([aListedVm('vm-01'), aListedVm('vm-b')], {
      notes: [someNotes([long, just])],
    });

    // Resource Graph may be a minute behind.
    assert.deepEqual(
      rows.map(({ name, reason }) => `${name} ${reason}`),
      ['vm-01 goal-lost', 'vm-b goal-missing'],
    );
    assert.deepEqual(
      problems.map(({ reason, vms }) => [reason, vms]),
      [['goal-lost', 1]],
    );
  });

  it('tells the next step the look itself found, where it found one', () => {
    const notes = [someNotes([{ next: 'az role assignment create …' }])];

    const { rows, problems } = aReport([aListedVm('vm-01')], { notes });

    assert.equal(rows[0]?.next, 'az role assignment create …');
    assert.equal(problems[0]?.next, 'az role assignment create …');
  });

  it('takes no note for a VM that does not lack its identity', () => {
    const { rows, problems } = aReport([aListedVm('vm-01', { verdict: 'single-identity' })], {
      notes: [someNotes([{}])],
    });

    assert.equal(rows[0]?.reason, 'single-identity');
    assert.equal(rows[0]?.last, undefined);
    assert.deepEqual(problems, []);
  });

  it('in an audit says audit-only', () => {
    const { rows } = aReport([aListedVm('vm-01')], { policy: aPolicy({ effect: 'AuditIfNotExists' }) });

    assert.equal(rows[0]?.reason, 'audit-only');
  });

  it('comes before those that are fine, and by name with numbers as numbers', () => {
    const listed = [
      aListedVm('vm-9', { verdict: 'single-identity' }),
      aListedVm('vm-10'),
      aListedVm('vm-2'),
      aListedVm('vm-1', { verdict: 'exclusion-tag' }),
    ];

    const { rows } = aReport(listed);

    assert.deepEqual(
      rows.map(({ name }) => name),
      ['vm-2', 'vm-10', 'vm-9', 'vm-1'],
    );
  });
});

describe('what needs a person', () => {
  it('is one problem for each cause, with the VMs it holds back, those that may pass by themselves last', () => {
    const listed = Array.from({ length: 30 }, (_, n) => aListedVm(`vm-${n}`));
    const notes = listed.map(({ vm }, n) => ({
      id: vm.id,
      reason: n < 10 ? 'forbidden' : n === 10 ? 'read-only-lock' : 'throttled',
    }));
    const scope = '/subscriptions/33333333-3333-3333-3333-333333333333';

    const { problems } = aReport(listed, {
      notes: [someNotes(notes)],
      scopeProblems: [{ scope, message: 'does not exist', next: 'Correct SCOPES.' }],
    });

    assert.deepEqual(
      problems.map(({ reason, subject, vms, passing }) => [reason, subject.split('/').at(-1), vms, passing]),
      [
        ['forbidden', SUBSCRIPTION, 10, false],
        ['read-only-lock', 'vm-10', 1, false],
        ['scope-unreadable', scope.split('/').at(-1), 0, false],
        ['throttled', SUBSCRIPTION, 19, true],
      ],
    );
  });

  it('is one for all where a subscription has many of what concerns one VM each', () => {
    const listed = Array.from({ length: 700 }, (_, n) => aListedVm(`vm-${n}`));
    const notes = listed.map(({ vm }) => ({ id: vm.id, reason: 'deny-policy' }));

    const { problems } = aReport(listed, { notes: [someNotes(notes)] });

    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.vms, 700);
    assert.match(problems[0]?.next ?? '', /exempt each of these VMs from it/);
  });

  it('is gone once the VM carries its identity, whatever was noted', () => {
    const { problems, rows } = aReport([], { carrying: 1, notes: [someNotes([{}])] });

    assert.deepEqual([problems, rows], [[], []]);
  });

  it('keeps an unlocked identity for a week, and what else was noted while VMs of the region lack their identity', () => {
    const noted = (reason: string, more = {}) =>
      someNotes([], { problems: [{ subject: reason, reason, detail: 'd', next: 'n' }], ...more });
    const notes = [
      noted('identity-unlocked'),
      noted('region-unread', { location: 'westus' }),
      noted('history-unread', { location: 'westus' }),
      noted('identity-unlocked', { location: 'westus', at: new Date(NOW - 8 * 24 * HOUR).toISOString() }),
    ];

    assert.deepEqual(
      aReport([], { notes }).problems.map(({ reason }) => reason),
      ['identity-unlocked'],
    );
    assert.deepEqual(
      aReport([aListedVm('a', { location: 'westus' })], { notes }).problems.map(({ reason }) => reason),
      ['identity-unlocked', 'region-unread', 'history-unread'],
    );
  });

  it('says since when, and what is new', () => {
    const known = {
      subject: `/subscriptions/${SUBSCRIPTION.toUpperCase()}`,
      reason: 'forbidden',
      since: before.at,
    };
    const listed = [aListedVm('vm-1'), aListedVm('vm-2')];
    const notes = [someNotes([{ id: aVmId('vm-1').id }, { id: aVmId('vm-2').id, reason: 'read-only-lock' }])];

    const first = aReport(listed, { notes });
    const second = aReport(listed, { notes, history: { ...history, problems: [known] } });

    assert.deepEqual(
      first.problems.map(({ isNew }) => isNew),
      [false, false],
    );
    assert.deepEqual(
      second.problems.map(({ reason, isNew, since }) => [reason, isNew, since]),
      [
        ['forbidden', false, before.at],
        ['read-only-lock', true, '2026-11-24T15:00:00.000Z'],
      ],
    );
  });
});

describe('what changed', () => {
  it('is nothing in the first report, and the difference from the sweep before in the next', () => {
    const solved = { subject: aVmId('vm-9').id, reason: 'read-only-lock', since: before.at };
    const tally = {
      assigned: { 'goal-added': 5 },
      compliant: {},
      excluded: {},
      deferred: {},
      removed: {},
      failed: { forbidden: 1 },
    };
    const old = someNotes([], {
      sweepId: 'sweep-0',
      location: 'westus',
      tally: { ...tally, assigned: { 'goal-added': 70 } },
    });

    const report = aReport([aListedVm('vm-01')], {
      carrying: 9,
      history: { ...history, problems: [solved] },
      notes: [someNotes([{}], { tally }), old],
    });

    assert.equal(aReport([]).changes, undefined);
    assert.deepEqual(report.changes, {
      since: before.at,
      before: { percent: 40, vms: 10, compliant: 4, lacking: 6, excluded: 1 },
      subscriptions: [{ id: SUBSCRIPTION, name: 'Online Shop', lackingBefore: 6, lacking: 1 }],
      worked: { assigned: 5, failed: 1, deferred: 0 },
      newProblems: 1,
      solved: [{ subject: solved.subject, reason: 'read-only-lock' }],
    });
  });

  it('names a subscription that is out of scope now', () => {
    const { changes } = aReport([], { history: { ...history, lacking: { [OTHER_SUBSCRIPTION]: 3 } } });

    assert.deepEqual(changes?.subscriptions, [
      { id: OTHER_SUBSCRIPTION, name: 'Analytics', lackingBefore: 3, lacking: 0 },
    ]);
  });
});

describe('the trend', () => {
  it('is bounded, oldest first, and counts a sweep that ran twice once', () => {
    let grown = history as ReturnType<typeof historyOf>;
    for (let n = 0; n < 300; n++) {
      grown = { ...grown, points: withPoint(grown, { ...before, sweepId: `s${n}`, vms: n }) };
    }

    assert.equal(grown.points.length, 200);
    assert.deepEqual([grown.points[0]?.vms, grown.points.at(-1)?.vms], [100, 299]);
    assert.equal(withPoint(grown, { ...before, sweepId: 's299' }).length, 200);
  });

  it('goes into what the next report reads', () => {
    const report = aReport([aListedVm('vm-01')], { carrying: 1, history, notes: [someNotes([{}])] });

    const left = historySchema.parse(JSON.parse(JSON.stringify(historyOf(report))));

    assert.deepEqual(
      left.points.map(({ sweepId }) => sweepId),
      ['sweep-1', SWEEP.id],
    );
    assert.deepEqual(left.lacking, { [SUBSCRIPTION]: 1 });
    assert.equal(left.problems[0]?.since, '2026-11-24T15:00:00.000Z');
  });
});
