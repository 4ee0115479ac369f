import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MAX_DEQUEUE_COUNT, readMessage, regionMessageSchema, vmMessageSchema } from '../../src/queues.ts';
import { REGION_BUDGET_MS } from '../../src/remediation/workRegion.ts';
import { settingsSchema } from '../../src/settings.ts';

const root = join(import.meta.dirname, '../..');
const json = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const region = {
  version: 1,
  location: 'eastus2',
  until: '2026-01-01T10:00:00+00:00',
  sweepId: '5ca1ab1e-0001-4000-8000-000000000001',
};

describe('messages', () => {
  it('are taken as they are sent, and as the host may rewrite their times', () => {
    assert.ok('value' in readMessage(regionMessageSchema, region));
    assert.ok(
      'value' in readMessage(regionMessageSchema, { ...region, until: '2026-01-01T10:00:00.000Z', limit: 3 }),
    );
    assert.ok('value' in readMessage(vmMessageSchema, { version: 1, id: '/subscriptions/…' }));
  });

  it('are taken with what the host adds, which is left out', () => {
    const read = readMessage(regionMessageSchema, { ...region, $AzureWebJobsParentId: 'x' });

    assert.deepEqual(read, { value: region });
  });

  for (const [what, message] of Object.entries({
    'a number, as the library makes of "5"': 5,
    'another version': { ...region, version: 2 },
    'no version': { ...region, version: undefined },
    'a region with a path in it': { ...region, location: '../x' },
    'a time that is none': { ...region, until: 'soon' },
    'a limit of nothing': { ...region, limit: 0 },
  })) {
    it(`are refused with a reason on one line: ${what}`, () => {
      const read = readMessage(regionMessageSchema, message);

      assert.ok('problem' in read);
      assert.match(read.problem, /^[^\n]+$/);
    });
  }
});

describe('host.json', () => {
  const host = json('host.json');

  it('gives a message as many tries as the app believes', () => {
    assert.equal(host.extensions.queues.maxDequeueCount, MAX_DEQUEUE_COUNT);
  });

  it('lets a function run at least twice as long as a region may be worked on', () => {
    const [hours, minutes, seconds] = host.functionTimeout.split(':').map(Number);
    assert.ok(((hours * 60 + minutes) * 60 + seconds) * 1000 >= 2 * REGION_BUDGET_MS);
  });
});

it('local.settings.sample.json has every setting', () => {
  const { Values } = json('local.settings.sample.json');

  const others = ['FUNCTIONS_WORKER_RUNTIME', 'AzureWebJobsStorage'];
  assert.deepEqual(Object.keys(Values), [...others, ...Object.keys(settingsSchema.shape)]);
});
