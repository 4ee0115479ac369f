import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { generateFleet } from '../../emulator/fleet/generate.ts';
import { callsTo, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { until } from '../until.ts';
import { creator, type Hosted, hosted, logged, written } from './hosted.ts';

let running: Hosted | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const LOCATIONS = [
  'eastus',
  'eastus2',
  'westus',
  'westeurope',
  'northeurope',
  'uksouth',
  'japaneast',
  'brazilsouth',
];
const once = (accepted: Map<string, number>) => [...accepted.values()].every((times) => times === 1);
const poisoned = async (one: Hosted) =>
  Object.entries(await one.host.counts()).filter(
    ([name, count]) => /-poison$/.test(name) && count.visible > 0,
  );

describe('4 worker processes, 20 subscriptions, 8 regions, 4,000 VMs', () => {
  it('all end assigned, no VM is written twice, nothing made for them conflicts or fails', async () => {
    running = await hosted({}, { host: { workers: 4, leaseSeconds: 30 } });
    const { azure, host } = running;
    await azure.seed(
      generateFleet({
        vms: 4000,
        subscriptions: 20,
        locations: LOCATIONS,
        plain: true,
        shapes: ['none', 'system'],
      }),
    );

    await host.fireTimer();
    await host.idle();

    const { assigned, accepted } = written(azure);
    assert.equal(assigned, 4000);
    assert.equal(accepted.size, 4000);
    assert.ok(once(accepted));
    const refused = azure.journal
      .calls()
      .filter(({ method, status }) => /PUT|PATCH/.test(method) && status >= 300);
    assert.deepEqual(refused, []);
    assert.deepEqual(logged(running.events, 'error'), []);
  });
});

describe('a worker process killed three times in the middle of a region', () => {
  it('every VM ends assigned, none is written twice, nothing lies in poison', async () => {
    running = await hosted();
    const { azure, host } = running;
    await azure.seed(
      generateFleet({ vms: 300, subscriptions: 3, locations: ['eastus'], plain: true, shapes: ['none'] }),
    );
    azure.faults.add({ method: 'PATCH', path: '', times: 10_000, headers: {}, latencyMs: 60 });

    await host.fireTimer();
    for (const after of [40, 110, 180]) {
      await until(`${after} VMs written`, () => written(azure).accepted.size >= after);
      const [pid] = host.workerPids();
      assert.ok(pid, 'no worker is alive');
      process.kill(pid, 'SIGKILL');
      await until('another worker', () => host.workerPids().some((other) => other !== pid));
    }
    await host.idle();

    const { assigned, accepted } = written(azure);
    assert.equal(assigned, 300);
    assert.ok(once(accepted), 'a VM was written twice');
    assert.deepEqual(await poisoned(running), []);
  });
});

describe('1,000 VMs created in one burst', () => {
  it('all are assigned by events alone, with one write each, and Event Grid is answered in time', async () => {
    running = await hosted({}, { host: { workers: 2, leaseSeconds: 30 } });
    const { azure, host } = running;
    await running.subscribe();
    await azure.seed([{ id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`, location: 'eastus' }]);
    const compute = creator(azure, SUBSCRIPTION);

    await Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        compute.virtualMachines.createOrUpdate('rg-app', `vm-${n}`, { location: 'eastus' }).submitted(),
      ),
    );
    await until('all assigned', () => written(azure).assigned === 1000, 120);
    await host.idle();

    assert.ok(once(written(azure).accepted));
    const deliveries = (await (await fetch(`${azure.controlEndpoint}/deliveries`)).json()) as {
      status: number;
      durationMs: number;
    }[];
    assert.ok(deliveries.length >= 1000);
    assert.deepEqual(
      deliveries.filter(({ status, durationMs }) => status !== 202 || durationMs >= 30_000),
      [],
    );
  });
});

describe('the same event five times, late, out of order, and together with a sweep', () => {
  it('is one PATCH', async () => {
    running = await hosted();
    const { azure, host } = running;
    const vm = vmIn(SUBSCRIPTION, 'vm');
    const other = vmIn(SUBSCRIPTION, 'vm-2');
    await azure.seed([vm, other]);
    const event = (id: string, eventTime: string) => ({
      id,
      topic: `/subscriptions/${SUBSCRIPTION}`,
      subject: id,
      eventType: 'Microsoft.Resources.ResourceWriteSuccess',
      eventTime,
      data: { operationName: 'Microsoft.Compute/virtualMachines/write', resourceUri: id, claims: [] },
    });
    const deliver = (...events: unknown[]) =>
      fetch(host.webhookUrl('vmWritten'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'aeg-event-type': 'Notification' },
        body: JSON.stringify(events),
      });
    const early = event(vm.id, '2026-01-01T00:00:00Z');
    const late = event(vm.id, '2026-01-01T00:01:00Z');

    const answers = await Promise.all([
      deliver(late, event(other.id, '2026-01-01T00:00:30Z')),
      deliver(early),
      host.fireTimer(),
      deliver(late),
      deliver(early),
    ]);
    await host.idle();
    await deliver(early);
    await host.idle();

    assert.deepEqual(
      answers.map((answer) => answer?.status),
      [202, 202, undefined, 202, 202],
    );
    assert.equal(callsTo(azure, /PATCH/, /\/vm$/), 1);
    assert.equal(callsTo(azure, /PATCH/, /\/vm-2$/), 1);
  });
});

describe('a sweep that begins while the one before still drains', () => {
  it('takes its regions over: old chains end, no VM is written twice, two workers meet for one batch at most', async () => {
    // At the machine's own time, as the schedule is; the buckets, full and all ours, are enough for these VMs.
    const settings = {
      SWEEP_SCHEDULE: '*/4 * * * * *',
      EMBEDDED_AZURE_CLOCK: '',
      CAPACITY_SHARE_PERCENT: '100',
      // Fewer at once.
      FAILURE_THRESHOLD_PERCENT: '99',
    };
    running = await hosted(settings, { host: { workers: 2, leaseSeconds: 30 } });
    const { azure, events } = running;
    // Some 16 at once, 500 ms each: a sweep needs more than two intervals.
    azure.faults.add({ method: 'PATCH', path: '', times: 10_000, headers: {}, latencyMs: 500 });
    await azure.seed(
      generateFleet({ vms: 320, subscriptions: 10, locations: ['eastus'], plain: true, shapes: ['none'] }),
    );

    await until('all assigned', () => written(azure).assigned === 320, 90);

    assert.ok(once(written(azure).accepted));
    const runs = runsOf(events, 'remediateRegion');
    assert.ok(runs.length >= 3, 'one sweep did it all: nothing was taken over');
    assert.ok(mostAtOnce(runs) <= 2, 'a third worker came while two were there');
    const worked = events.flatMap((event) =>
      event.kind === 'log' && event.message.startsWith('Region worked on') ? [event.message] : [],
    );
    assert.ok(worked.some((line) => line.includes('"goesOn":false')));
    assert.deepEqual(await poisoned(running), []);
  });
});

describe('a message that fails each time', () => {
  it('lands in poison, is reported, and the next sweep repairs its VM all the same', async () => {
    running = await hosted();
    const { azure, host, events } = running;
    const vm = vmIn(SUBSCRIPTION, 'bad');
    await azure.seed([vm]);
    const path = '/virtualMachines/bad$';
    azure.faults.add({
      method: 'GET',
      path,
      times: 1000,
      status: 401,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'InvalidAuthenticationToken', message: 'no' } },
    });
    await fetch(host.webhookUrl('vmWritten'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'aeg-event-type': 'Notification' },
      body: JSON.stringify([
        {
          id: '1',
          eventType: 'Microsoft.Resources.ResourceWriteSuccess',
          subject: vm.id,
          eventTime: '2026-01-01T00:00:00Z',
          data: {},
        },
      ]),
    });

    await until('the message in poison', async () => (await poisoned(running as Hosted)).length > 0);

    const errors = logged(events, 'error');
    assert.ok(
      errors.some((line) => /^VM failed .*"reason":"signed-out".*"next":"Check AZURE_CLIENT_ID/.test(line)),
    );
    assert.ok(errors.some((line) => /MaxDequeueCount of 5/.test(line)));

    azure.faults.clear();
    await host.fireTimer();
    await host.idle();

    assert.equal(written(azure).assigned, 1);
    const said = logged(running.events, 'error');
    assert.ok(
      said.some((line) =>
        /^Messages lie in a poison queue .*"queue":"virtual-machines-poison","messages":1/.test(line),
      ),
      said.join('\n'),
    );
  });
});

/** Begin and end of each invocation of a function, ms. */
function runsOf(events: Hosted['events'], functionName: string): { from: number; to: number }[] {
  const ends = new Map(
    events.flatMap((event) => (event.kind === 'ended' ? [[event.invocationId, Date.parse(event.time)]] : [])),
  );
  return events.flatMap((event) =>
    event.kind === 'started' && event.functionName === functionName
      ? [{ from: Date.parse(event.time), to: ends.get(event.invocationId) ?? Date.now() }]
      : [],
  );
}

function mostAtOnce(runs: readonly { from: number; to: number }[]): number {
  return Math.max(
    0,
    ...runs.map(({ from }) => runs.filter((other) => other.from <= from && from < other.to).length),
  );
}
