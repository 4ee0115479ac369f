import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { toAzureError } from '../../src/azure/errors.ts';
import { readVm } from '../../src/azure/virtualMachines.ts';
import { anApp, anAzure, vmIn } from '../azure.ts';
import { aVmId, SUBSCRIPTION } from '../builders.ts';

const down = {
  method: 'GET' as const,
  path: '/msi/token',
  times: 1000,
  status: 400,
  headers: {},
  latencyMs: 0,
};

describe('tokens that end while no new ones can be had', async () => {
  const azure = await anAzure({ tokenLifetimeSeconds: 7 });
  after(() => azure.close());
  await azure.seed([vmIn(SUBSCRIPTION, 'vm-01')]);
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeEach(() => process.on('unhandledRejection', note));
  afterEach(() => {
    process.off('unhandledRejection', note);
    azure.faults.clear();
  });

  it('are used as long as they hold, and then cost the requests that need one, not the process', async () => {
    const { clients } = anApp(azure);
    const read = () => readVm(clients, aVmId());
    await read();
    azure.faults.add(down);

    await Promise.all([read(), read(), read()]);
    // The SDKs' own renewal tries every three seconds until the token has ended.
    await delay(10_000);
    await assert.rejects(read(), (error) => toAzureError(error).kind === 'signed-out');
    azure.faults.clear();
    await read();

    assert.deepEqual(unhandled, []);
  });
});
