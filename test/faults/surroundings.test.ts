import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import fc from 'fast-check';
import type { Fault } from '../../emulator/control/faults.ts';
import { startAzurite } from '../../local/azurite.ts';
import { startTelemetry } from '../../src/telemetry/telemetry.ts';
import { anAzure } from '../azure.ts';
import { until } from '../until.ts';
import { forbiddenWrites, identitiesNow, seedFleet, wrongNow } from './fleet.ts';
import { aGate, type Mood } from './gate.ts';
import { jumpingClock } from './jumpingClock.ts';
import { byFunctions } from './play.ts';

// Storage clients wait seconds before they try again, so that one schedule is enough in `npm test`.
const numRuns = Math.max(1, Math.round(Number(process.env.FAULT_RUNS ?? 0) / 10));
const HOUR = 3_600_000;

const clock = jumpingClock(300);
const [azure, storage] = await Promise.all([anAzure({ clock, telemetry: 'keyless' }), startAzurite()]);
const [, endpoint = ''] = /BlobEndpoint=(http:\/\/[^/]+)/.exec(storage.connectionString) ?? [];
const gate = await aGate(endpoint);
const AzureWebJobsStorage = storage.connectionString.replace(endpoint, gate.url);
const telemetry = await startTelemetry(azure.env);
after(async () => {
  await Promise.all([azure.close(), gate.close(), storage.stop()]);
});

const FAULTS: Readonly<Record<Exclude<Mood, 'well'>, Partial<Fault>>> = {
  breaks: { reset: 'before' },
  busy: { status: 503 },
  denies: { status: 403 },
  slow: { latencyMs: 1_500 * clock.speed },
};
const mood = fc.constantFrom<Mood>('denies', 'busy', 'breaks', 'slow', 'well');
const moods = fc.array(fc.record({ storage: mood, telemetry: mood, restarts: fc.boolean() }), {
  minLength: 1,
  maxLength: 2,
});

describe('while storage and telemetry are down', () => {
  it('every VM gets its identity all the same, and afterwards there are reports and telemetry again', async (t) => {
    const container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(
      'reports',
    );
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);

    const property = fc.asyncProperty(moods, async (schedule) => {
      await seedFleet(azure);
      await container.deleteIfExists();
      const before = identitiesNow(azure);
      const sweeper = byFunctions(azure, clock, { AzureWebJobsStorage }, telemetry);
      for (const { storage, telemetry, restarts } of schedule) {
        gate.mood = storage;
        if (telemetry !== 'well') {
          const fault = {
            method: 'POST',
            path: '^/v2.1/track',
            times: 1e6,
            headers: {},
            latencyMs: 0,
          } as const;
          azure.faults.add({ ...fault, ...FAULTS[telemetry] });
        }
        const phase = {
          anew: [],
          gone: 'nothing' as const,
          troubles: [],
          events: [0, 5],
          skewMs: 0,
          restarts,
          lost: [],
          doubled: [],
        };
        assert.deepEqual((await sweeper(phase)).broken, []);
        azure.faults.clear();
        azure.journal.clear();
        clock.jump(HOUR);
      }
      gate.mood = 'well';
      azure.received.clear();

      // The first sweep put all right though neither was there; the last one tells of it.
      assert.deepEqual(wrongNow(azure, before), []);
      const { broken } = await sweeper(undefined);
      assert.deepEqual(broken, []);
      assert.deepEqual(forbiddenWrites(azure), []);
      assert.deepEqual(unhandled, []);
      const latest = JSON.parse((await container.getBlobClient('latest.json').downloadToBuffer()).toString());
      assert.ok(Date.parse(latest.generatedAt) > clock.now() - HOUR, 'the latest report is an old one');
      // A flush that takes long goes on by itself: it may come later.
      const arrived = () => azure.received.items().some(({ data }) => data.baseData.name === 'SweepBegun');
      await until('telemetry of the last sweep arrives', arrived, 30);
    });
    const result = await fc.check(property, {
      numRuns,
      ...(process.env.FAULT_SEED !== undefined && { seed: Number(process.env.FAULT_SEED) }),
    });

    process.off('unhandledRejection', note);
    t.diagnostic(`seed ${result.seed}, ${result.numRuns} schedules`);
    assert.ok(!result.failed, `${fc.defaultReportMessage(result)}\n${String(result.errorInstance)}`);
  });
});
