import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { QueueClient } from '@azure/storage-queue';
import { remediator } from '../../emulator/arm/principals.ts';
import { vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { type Hosted, hosted, logged } from './hosted.ts';

const vm = vmIn(SUBSCRIPTION, 'vm');

function anEvent(more: Record<string, unknown> = {}) {
  const data = { operationName: 'Microsoft.Compute/virtualMachines/write', resourceUri: vm.id, claims: {} };
  return {
    id: '1',
    subject: vm.id,
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: '2026-01-01T00:00:00Z',
    data: { ...data, ...more },
  };
}

async function deliver({ host }: Hosted, event: unknown): Promise<number> {
  const response = await fetch(host.webhookUrl('vmWritten'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'aeg-event-type': 'Notification' },
    body: JSON.stringify(event),
  });
  return response.status;
}

const started = ({ events }: Hosted, functionName: string): number =>
  events.filter((event) => event.kind === 'started' && event.functionName === functionName).length;

describe('in the host', async () => {
  const settings = { SCOPES: `/subscriptions/${SUBSCRIPTION}` };
  const running = await hosted(settings);
  after(() => running.stop());
  const { azure, host } = running;
  await azure.seed([vm]);

  it('messages that can never succeed are dropped with their reason, and none is tried again', async () => {
    const bad: [string, unknown][] = [
      ['regions', { version: 2, location: 'eastus' }],
      ['regions', 5],
      ['regions', 'no JSON'],
      ['virtual-machines', { version: 1 }],
      ['virtual-machines', { version: 1, id: '/subscriptions/../../x' }],
    ];
    for (const [queue, message] of bad) {
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      await new QueueClient(host.connectionString, queue).sendMessage(Buffer.from(text).toString('base64'));
    }

    await host.idle();

    const dropped = logged(running.events, 'warning').filter((line) => line.startsWith('Message dropped'));
    assert.equal(dropped.length, bad.length);
    assert.equal(started(running, 'remediateRegion') + started(running, 'remediateVm'), bad.length);
    const counts = Object.entries(await host.counts()).filter(([name]) => name.endsWith('-poison'));
    assert.deepEqual(
      counts.map(([, { visible, invisible }]) => visible + invisible),
      [0, 0],
    );
    assert.equal(azure.journal.calls().length, 0);
  });

  it('vmWritten ignores what is not for us, and asks Azure nothing', async () => {
    const own = anEvent({ claims: { appid: remediator.clientId } });
    const elsewhere = vmIn(OTHER_SUBSCRIPTION, 'vm').id;
    const before = started(running, 'remediateVm');

    for (const event of [
      own,
      anEvent({ resourceUri: elsewhere }),
      anEvent({
        operationName: 'Microsoft.Compute/virtualMachines/extensions/write',
        resourceUri: `${vm.id}/extensions/e`,
      }),
      { ...anEvent(), eventType: 'Microsoft.Resources.ResourceDeleteSuccess' },
    ]) {
      assert.equal(await deliver(running, [event]), 202);
    }
    await host.idle();

    assert.equal(started(running, 'remediateVm'), before);
    assert.equal(azure.journal.calls().length, 0);
  });

  it('a CloudEvent brings its VM, too', async () => {
    const { eventType: type, eventTime: time, ...event } = anEvent();

    assert.equal(await deliver(running, { specversion: '1.0', source: 'x', type, time, ...event }), 202);
    await host.idle();

    const { resource } = azure.store.get(vm.id) ?? assert.fail();
    assert.equal(resource.identity?.type, 'UserAssigned');
  });
});

for (const EFFECT of ['Disabled', 'AuditIfNotExists']) {
  it(`with EFFECT ${EFFECT} neither the timer nor an event writes anything`, async (t) => {
    const running = await hosted({ EFFECT });
    t.after(() => running.stop());
    await running.azure.seed([vm]);

    await running.host.fireTimer();
    assert.equal(await deliver(running, [anEvent()]), 202);
    await running.host.idle();

    const calls = running.azure.journal.calls();
    assert.deepEqual(
      calls.filter(({ method }) => /^(PUT|PATCH|DELETE)$/.test(method)),
      [],
    );
    assert.equal(started(running, 'remediateRegion'), 0);
    assert.equal(started(running, 'remediateVm'), EFFECT === 'Disabled' ? 0 : 1);
    if (EFFECT === 'Disabled') assert.deepEqual(calls, []);
  });
}
