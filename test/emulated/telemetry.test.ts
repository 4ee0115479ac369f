import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Envelope } from '../../emulator/ingestion/received.ts';
import type { Shared } from '../../src/remediation/shared.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { common, events, metrics } from '../../src/telemetry/names.ts';
import { FLUSH_MS, silent, startTelemetry } from '../../src/telemetry/telemetry.ts';
import { callsTo, quiet, VM_PATH, vmIn } from '../azure.ts';
import { regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { telemetryForEachTest } from '../telemetry.ts';
import { until } from '../until.ts';

const OPERATION = '0af7651916cd43dd8448eb211c80319c';
const TRACE = `00-${OPERATION}-b7ad6b7169203331-00`;

const { azure, telemetry, aShared, sweepThrough } = await telemetryForEachTest();

const ofType = (type: string) => azure.received.items().filter(({ data }) => data.baseType === type);
const base = <T = Record<string, string>>(item: Envelope, part: string) =>
  (item.data.baseData[part] ?? {}) as T;
const called = (name: string) => ofType('EventData').filter(({ data }) => data.baseData.name === name);
const measured = (item: Envelope) => base<Record<string, number>>(item, 'measurements');
const points = (name: string) =>
  ofType('MetricData').flatMap((item) =>
    base<{ name: string; value: number; count: number }[]>(item, 'metrics')
      .filter((point) => point.name === name)
      .map((point) => ({ ...point, dimensions: base(item, 'properties') })),
  );
const sum = (values: readonly (number | undefined)[]) =>
  values.reduce<number>((all, one) => all + (one ?? 0), 0);
const fault = (path: string, more: { status?: number; latencyMs?: number; reset?: 'before' }) =>
  azure.faults.add({ method: '*', path, times: 1000, headers: {}, latencyMs: 0, ...more });

const wholeSweep = (one: Shared) =>
  sweepThrough(one, { origin: { traceParent: TRACE, functionName: 'sweep', invocationId: 'i-1' } });

describe('a sweep', () => {
  const seedMixed = () =>
    azure.seed([
      ...Array.from({ length: 5 }, (_, n) => vmIn(SUBSCRIPTION, `east-${n}`)),
      ...Array.from({ length: 3 }, (_, n) => vmIn(SUBSCRIPTION, `west-${n}`, { location: 'westus' })),
      vmIn(SUBSCRIPTION, 'fine', {
        identity: {
          type: 'UserAssigned',
          userAssignedIdentities: {
            [`/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own`]:
              {},
          },
        },
      }),
    ]);

  it('sends exactly one event for each VM that was written, and no other VM', async () => {
    await seedMixed();

    await wholeSweep(aShared());

    const told = called('VmRemediated').filter((item) => base(item, 'properties').outcome === 'assigned');
    const written = azure.journal
      .calls()
      .filter(({ method, path }) => method === 'PATCH' && VM_PATH.test(path));
    assert.equal(told.length, 8);
    assert.deepEqual(
      told.map((item) => base(item, 'properties').vmId?.toLowerCase()).sort(),
      written.map(({ path }) => path.toLowerCase()).sort(),
    );
    for (const item of told) {
      const { location = '', goalIdentity } = base(item, 'properties');
      const { attempts, durationMs = 0 } = measured(item);
      assert.equal(goalIdentity, regionalIdentity(location));
      assert.equal(attempts, 1);
      assert.ok(durationMs > 0, `${durationMs} ms`);
    }
  });

  it('counts as Azure does: VMs by state, and every call', async () => {
    await seedMixed();
    const unread = azure.journal.calls().length;

    await wholeSweep(aShared());

    const [begun] = called('SweepBegun') as [Envelope];
    const { vms, compliant, excluded, goalMissing, regions } = measured(begun);
    assert.deepEqual(
      { vms, compliant, excluded, goalMissing, regions },
      { vms: 9, compliant: 1, excluded: 0, goalMissing: 8, regions: 2 },
    );
    const worked = called('RegionWorked');
    assert.equal(sum(worked.map((item) => measured(item).assigned)), 8);
    const calls = azure.journal.calls().length - unread;
    const inEvents = [begun, ...worked]
      .map(measured)
      .flatMap(({ reads, writes, resourceGraph }) => [reads, writes, resourceGraph]);
    assert.equal(sum(inEvents), calls);
    assert.equal(sum(points('calls').map(({ value }) => value)), calls);
    assert.equal(
      sum(
        points('outcomes')
          .filter(({ dimensions }) => dimensions.outcome === 'assigned')
          .map(({ value }) => value),
      ),
      8,
    );
    assert.deepEqual(
      points('vms')
        .map(({ value, dimensions }) => [dimensions.reason, value])
        .sort(),
      [
        ['goal-missing', 8],
        ['single-identity', 1],
      ],
    );
  });

  it('is one operation from the timer to the last VM, and says which invocation did it', async () => {
    await seedMixed();

    await wholeSweep(aShared());

    const told = ofType('EventData');
    assert.equal(told.length, 1 + 1 + 2 + 8);
    for (const { tags, data } of told) {
      assert.equal(tags?.['ai.operation.id'], OPERATION);
      assert.equal((data.baseData.properties as Record<string, string>).invocationId, 'i-1');
    }
    assert.equal(new Set(called('VmRemediated').map((item) => base(item, 'properties').sweepId)).size, 1);
  });

  it('sends nothing that names.ts does not list, and no token', async () => {
    await seedMixed();
    fault('/virtualMachines/east-0', { status: 403 });

    await wholeSweep(aShared());

    assert.equal(
      called('VmRemediated').filter((item) => base(item, 'properties').outcome === 'failed').length,
      1,
    );
    for (const item of ofType('EventData')) {
      const known = events[item.data.baseData.name as keyof typeof events];
      for (const name of Object.keys(base(item, 'properties')))
        assert.ok(name in { ...known.properties, ...common }, name);
      for (const name of Object.keys(measured(item))) assert.ok(name in known.measurements, name);
    }
    for (const item of ofType('MetricData')) {
      for (const { name } of base<{ name: keyof typeof metrics }[]>(item, 'metrics')) {
        assert.deepEqual(
          Object.keys(base(item, 'properties'))
            .filter((key) => !key.startsWith('_MS.'))
            .sort(),
          [...metrics[name].dimensions].sort(),
        );
      }
    }
    // Nothing that the client collects by itself: requests, dependencies, exceptions and counters are the host's.
    assert.deepEqual([...new Set(azure.received.items().map(({ data }) => data.baseType))].sort(), [
      'EventData',
      'MetricData',
    ]);
    const all = JSON.stringify(azure.received.items());
    assert.doesNotMatch(all, /eyJ|bearer/i);
    assert.ok(!all.includes(azure.identityHeader));
  });

  it('knows how old the oldest VM without its identity is, where Azure says so', async () => {
    const timeCreated = new Date(Date.now() - 5 * 3_600_000).toISOString();
    await azure.seed([
      vmIn(SUBSCRIPTION, 'old', { properties: { timeCreated } }),
      vmIn(SUBSCRIPTION, 'unknown', { properties: { timeCreated: undefined } }),
    ]);

    await wholeSweep(aShared({ EMBEDDED_AZURE_CLOCK: '' }));

    assert.equal(Math.round(measured(called('SweepBegun')[0] as Envelope).oldestMissingHours ?? 0), 5);
  });

  it('loses none of thousands of VMs that fail in a moment', async () => {
    const count = 5_000;
    await azure.seed(Array.from({ length: count }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));
    const missing = {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'not-there',
      IDENTITY_RESOURCE_GROUP: 'rg',
    };

    await wholeSweep(aShared(missing));

    await until('all were told of', () => called('VmRemediated').length >= count);
    const told = called('VmRemediated').map((item) => base(item, 'properties'));
    assert.equal(new Set(told.map(({ vmId }) => vmId)).size, count);
    assert.deepEqual([...new Set(told.map(({ reason }) => reason))], ['identity-missing']);
    assert.deepEqual(
      [...new Set(called('VmRemediated').map(({ tags }) => tags?.['ai.operation.id']))],
      [OPERATION],
    );
  });

  it('tells the rules it counts by, where they are short enough to be sent', async () => {
    const groups = (count: number) =>
      Array.from({ length: count }, (_, n) => `/subscriptions/${SUBSCRIPTION}/resourceGroups/a-group-${n}`);
    await seedMixed();

    await wholeSweep(aShared({ EXCLUDED_SCOPES: groups(2).join() }));
    await wholeSweep(aShared({ EXCLUDED_SCOPES: groups(200).join() }));

    const [short, long] = called('SweepBegun').map((item) => base(item, 'properties').rules);
    assert.match(short ?? '', /a-group-1.*\bstate\b/);
    assert.equal(long, undefined);
  });

  it('beats without working when Disabled', async () => {
    await wholeSweep(aShared({ EFFECT: 'Disabled' }));

    assert.deepEqual(
      ofType('EventData').map(({ data }) => data.baseData.name),
      ['Heartbeat'],
    );
  });
});

describe('the look at one VM after an event', () => {
  it('tells how long it took from the write to the identity', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'new')]);
    const one = aShared({ EMBEDDED_AZURE_CLOCK: '' });
    const message = {
      version: 1 as const,
      id: vmIn(SUBSCRIPTION, 'new').id,
      writtenAt: new Date(Date.now() - 20_000).toISOString(),
    };

    await telemetry.of({ traceParent: TRACE }, () => workVm(one, message, quiet, { lastTry: false }));
    await telemetry.flush();

    const [told] = called('VmRemediated') as [Envelope];
    const { outcome, trigger, sweepId } = base(told, 'properties');
    assert.deepEqual([outcome, trigger, sweepId], ['assigned', 'event', undefined]);
    const [point] = points('timeToAssign');
    assert.equal(point?.value, measured(told).secondsSinceWritten);
    assert.ok((point?.value ?? 0) >= 20);
    assert.equal(sum(points('calls').map(({ value }) => value)), azure.journal.calls().length);
  });
});

describe('a logged error', () => {
  it('arrives with its fixed message, and what varies as properties', async () => {
    await telemetry.of({ traceParent: TRACE, functionName: 'remediateVm', invocationId: 'i-2' }, async () =>
      telemetry.logged('error', 'VM failed', {
        id: '/subscriptions/x',
        attempts: 3,
        why: { deep: [1] },
        none: undefined,
      }),
    );
    await telemetry.flush();

    const [item, ...more] = ofType('MessageData') as [Envelope];
    assert.equal(more.length, 0);
    assert.equal(item.data.baseData.message, 'VM failed');
    assert.equal(item.data.baseData.severityLevel, 'Error');
    assert.deepEqual(base(item, 'properties'), {
      functionName: 'remediateVm',
      invocationId: 'i-2',
      id: '/subscriptions/x',
      attempts: '3',
      why: '{"deep":[1]}',
    });
    assert.equal(item.tags?.['ai.operation.id'], OPERATION);
    assert.equal(item.tags?.['ai.cloud.role'], 'vm-identity-remediator');
  });
});

describe('without a connection string', () => {
  it('nothing is sent and nothing is loaded', async () => {
    assert.equal(await startTelemetry({}), silent);
  });

  it('nor with one that is none', async () => {
    assert.equal(await startTelemetry({ APPLICATIONINSIGHTS_CONNECTION_STRING: 'nonsense' }), silent);
  });
});

describe('an endpoint', () => {
  const sends = async (name = 'vm-1') => {
    await azure.seed([vmIn(SUBSCRIPTION, name)]);
    await wholeSweep(aShared());
  };
  // Nobody waits for an endpoint while it is known to hang: the next test shall find it well.
  const recovered = async () => {
    azure.faults.clear();
    await until('telemetry arrives again', async () => {
      telemetry.event('Heartbeat', { effect: 'none' }, {});
      await telemetry.flush();
      return called('Heartbeat').some((item) => base(item, 'properties').effect === 'none');
    });
  };

  for (const [what, more] of [
    ['refuses', { status: 403 }],
    ['is too busy', { status: 503 }],
    ['breaks connections', { reset: 'before' as const }],
    ['is slower than the end of an invocation may be', { latencyMs: 2 * FLUSH_MS }],
  ] as const) {
    it(`that ${what} fails no work, and nobody waits for it`, async () => {
      fault('/track$', more);

      await sends();

      assert.equal(callsTo(azure, /PATCH/, VM_PATH), 1);
      assert.deepEqual(azure.received.items(), []);
      await recovered();
    });
  }

  it('that was too busy for a while gets everything that waited, once', async () => {
    fault('/track$', { status: 503 });
    await sends('waiting');

    await recovered();

    // What earlier tests left on disk may arrive, too, whenever the client comes to it.
    const told = () =>
      called('VmRemediated').filter((item) => /\/waiting$/.test(base(item, 'properties').vmId ?? ''));
    await until('the VM was told of', () => told().length > 0);
    assert.equal(told().length, 1);
  });
});
