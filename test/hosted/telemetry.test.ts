import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { lockOn, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { until } from '../until.ts';
import { creator, type Hosted, hosted, logged, written } from './hosted.ts';

let running: Hosted | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe('telemetry of the app in worker processes', () => {
  it('has one operation from the timer through the queue to each VM, and every VM once', async () => {
    running = await hosted({}, { azure: { telemetry: 'keyless' }, host: { workers: 2 } });
    const { azure, host, events } = running;
    await azure.seed([
      ...Array.from({ length: 20 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)),
      ...Array.from({ length: 20 }, (_, n) => vmIn(SUBSCRIPTION, `west-${n}`, { location: 'westus' })),
      lockOn(vmIn(SUBSCRIPTION, 'vm-0')),
    ]);

    await host.fireTimer('sweep');
    const ofEvents = (name: string) =>
      azure.received.items().filter(({ data }) => data.baseData.name === name);
    await until('both regions told what they did', () => ofEvents('RegionWorked').length === 2);
    await until('every VM was told of', () => ofEvents('VmRemediated').length >= 40);

    const told = ['Heartbeat', 'SweepBegun', 'RegionWorked', 'VmRemediated'].flatMap(ofEvents);
    assert.equal(told.length, 1 + 1 + 2 + 40);
    assert.equal(new Set(told.map(({ tags }) => tags?.['ai.operation.id'])).size, 1);
    assert.match(String(told[0]?.tags?.['ai.operation.id']), /^[0-9a-f]{32}$/);
    const writes = azure.journal.calls().filter(({ method }) => method === 'PATCH' || method === 'PUT');
    assert.ok(writes.length > 39);
    assert.deepEqual(
      [...new Set(writes.map(({ correlationId }) => correlationId?.replaceAll('-', '')))],
      [told[0]?.tags?.['ai.operation.id']],
    );
    const properties = (name: string) =>
      ofEvents(name).map(({ data }) => data.baseData.properties as Record<string, string>);
    assert.equal(new Set(properties('VmRemediated').map(({ vmId }) => vmId?.toLowerCase())).size, 40);
    assert.equal(
      properties('VmRemediated').filter(({ outcome }) => outcome === 'assigned').length,
      written(azure).assigned,
    );
    assert.deepEqual(
      properties('VmRemediated').flatMap(({ outcome, reason }) => (outcome === 'failed' ? [reason] : [])),
      ['read-only-lock'],
    );
    // What the worker sends, the host does not get, and the other way round.
    const lines = azure.received.items().filter(({ data }) => data.baseType === 'MessageData');
    assert.deepEqual(
      lines.map(({ data }) => data.baseData.message),
      ['VMs failed'],
    );
    assert.deepEqual(
      logged(events, 'error').filter((line) => /VMs failed/.test(line)),
      [],
    );
  });

  it('tells of a VM that Event Grid told of, in the operation of its delivery', async () => {
    running = await hosted({}, { azure: { telemetry: 'keyless' } });
    const { azure } = running;
    await running.subscribe();
    await azure.seed([{ id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`, location: 'eastus' }]);

    const { id: _, ...body } = vmIn(SUBSCRIPTION, 'new');
    await creator(azure, SUBSCRIPTION).virtualMachines.createOrUpdate('rg-app', 'new', body as never);
    const told = () =>
      azure.received
        .items()
        .filter(({ data }) => data.baseData.name === 'VmRemediated')
        .map(({ data }) => data.baseData as { properties: Record<string, string>; measurements: object })
        .filter(({ properties }) => properties.outcome === 'assigned');
    await until('the VM was told of', () => told().length > 0);

    const [first] = told();
    assert.equal(told().length, 1);
    assert.equal(first?.properties.trigger, 'event');
    assert.equal(first?.properties.functionName, 'remediateVm');
    assert.ok('secondsSinceWritten' in (first?.measurements ?? {}));
  });
});
