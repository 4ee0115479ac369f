import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { startAzurite } from '../../local/azurite.ts';
import type { App } from '../../src/app.ts';
import type { ReportsContainer } from '../../src/azure/reportsContainer.ts';
import type { Log } from '../../src/log.ts';
import type { RegionMessage } from '../../src/queues.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import type { Report } from '../../src/report/report.ts';
import { anApp, azureForEachTest, callsTo, lockOn, quiet, VM_PATH, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

const [azure, storage] = await Promise.all([azureForEachTest(), startAzurite()]);
after(() => storage.stop());

let now = 0;
let warnings: string[] = [];
beforeEach(() => {
  now = Date.parse('2026-11-24T15:00:00Z');
  warnings = [];
});
afterEach(() => blobs().deleteIfExists());

const log: Log = {
  ...quiet,
  warn: (message, properties) => warnings.push(`${message} ${JSON.stringify(properties)}`),
};
const blobs = () =>
  BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient('reports');
const read = async (name: string) => (await blobs().getBlobClient(name).downloadToBuffer()).toString();
const latest = async () => JSON.parse(await read('latest.json')) as Report;
const names = () => Array.fromAsync(blobs().listBlobsFlat(), ({ name }) => name);

/** The app with the storage account, at a clock that stands still. */
function reporting(settings: Record<string, string> = {}): App {
  const app = anApp(azure, { AzureWebJobsStorage: storage.connectionString, ...settings });
  return { ...app, clock: { speed: 1, now: () => now, sleep: async () => undefined } };
}

/** A sweep and its runs, an hour after the one before. */
async function sweepOnce(app = reporting()): Promise<RegionMessage[]> {
  const messages = await startSweep(shared(app), log);
  for (const message of messages) await workRegion(shared(app), message, log, { redelivered: false });
  now += 3_600_000;
  return messages;
}

const lockedVm = vmIn(SUBSCRIPTION, 'vm-locked');
const locked = [lockedVm, lockOn(lockedVm)];

describe('a sweep', () => {
  it('leaves its report in every form, as the latest and as that of the day', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a'), vmIn(SUBSCRIPTION, 'vm-b', { location: 'westus' })]);

    const [message] = await sweepOnce();

    assert.deepEqual(await names(), [
      ...['csv', 'html', 'json'].map((format) => `daily/2026-11-24.${format}`),
      'history.json',
      ...['csv', 'html', 'json'].map((format) => `latest.${format}`),
      'outcomes/eastus.json',
      'outcomes/westus.json',
    ]);
    const { tenant, sweepId, nextSweepAt, rows } = await latest();
    assert.deepEqual(tenant, { percent: 0, vms: 2, compliant: 0, lacking: 2, excluded: 0 });
    assert.deepEqual([sweepId, nextSweepAt], [message?.sweepId, message?.until]);
    assert.deepEqual(
      rows.map(({ name, reason }) => `${name} ${reason}`),
      ['vm-a goal-missing', 'vm-b goal-missing'],
    );
    assert.match(await read('latest.html'), /^<!doctype html>/);
    assert.equal(await read('daily/2026-11-24.html'), await read('latest.html'));
    assert.match(await read('latest.csv'), /"vm-b"/);
    const { contentType } = await blobs().getBlobClient('latest.html').getProperties();
    assert.equal(contentType, 'text/html; charset=utf-8');
  });

  it('reports how the VMs of the one before ended, and what changed since', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a'), ...locked]);
    await sweepOnce();

    await sweepOnce();

    const { rows, problems, changes, trend } = await latest();
    assert.deepEqual(
      rows.map(({ name, reason, last }) => [name, reason, last?.outcome, last?.at]),
      [['vm-locked', 'read-only-lock', 'failed', '2026-11-24T15:00:00.000Z']],
    );
    assert.match(rows[0]?.last?.detail ?? '', /^ScopeLocked: /);
    assert.deepEqual(
      problems.map(({ reason, vms, isNew }) => [reason, vms, isNew]),
      [['read-only-lock', 1, true]],
    );
    assert.deepEqual(changes?.worked, { assigned: 1, failed: 1, deferred: 0 });
    assert.deepEqual(changes?.before, { percent: 0, vms: 2, compliant: 0, lacking: 2, excluded: 0 });
    assert.deepEqual(
      trend.map(({ compliant }) => compliant),
      [0, 1],
    );
  });

  it('notices that somebody takes identities away again', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a')]);
    await sweepOnce();
    const { resource } = azure.store.get(vmIn(SUBSCRIPTION, 'vm-a').id) ?? assert.fail();
    const { identity: _, ...bare } = resource;
    azure.store.put(bare);

    await sweepOnce();

    const { rows, problems } = await latest();
    assert.equal(rows[0]?.reason, 'goal-lost');
    assert.deepEqual(
      problems.map(({ reason }) => reason),
      ['goal-lost'],
    );
  });

  it('costs no query more when every VM carries its identity, and reads no VM for the report', async () => {
    await azure.seed(Array.from({ length: 30 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));
    await sweepOnce();
    azure.journal.clear();
    await startSweep(shared(anApp(azure)), log);
    const without = azure.journal.calls().length;
    azure.journal.clear();

    await sweepOnce();

    assert.equal((await latest()).tenant.compliant, 30);
    assert.equal(azure.journal.calls().length, without);
    assert.equal(callsTo(azure, /GET/, VM_PATH), 0);
  });

  it('costs one query for each 1,000 VMs of either kind that are listed', async () => {
    await azure.seed(Array.from({ length: 1500 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));
    await azure.seed([vmIn(SUBSCRIPTION, 'tagged', { tags: { skip: 'yes' } })]);
    const settings = { EXCLUSION_TAG: 'skip', EFFECT: 'AuditIfNotExists' };
    await startSweep(shared(anApp(azure, settings)), log);
    const without = azure.journal.calls().length;
    azure.journal.clear();

    await startSweep(shared(reporting(settings)), log);

    assert.equal((await latest()).rows.length, 1501);
    assert.equal(azure.journal.calls().length, without + 3);
  });

  it('counts the VMs of a subscription that is excluded as a whole, without listing them', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a'), vmIn(OTHER_SUBSCRIPTION, 'vm-b')]);

    await sweepOnce(reporting({ EXCLUDED_SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` }));

    const { rows, unlisted, tenant } = await latest();
    assert.equal(tenant.excluded, 1);
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['vm-a'],
    );
    assert.deepEqual(unlisted, [{ vms: 1, why: 'EXCLUDED_SCOPES holds their whole subscription' }]);
  });

  it('makes no report when EFFECT is Disabled, and none without a storage account', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a')]);

    await sweepOnce(reporting({ EFFECT: 'Disabled' }));
    await sweepOnce(reporting({ AzureWebJobsStorage: '' }));

    assert.equal(await blobs().exists(), false);
    assert.deepEqual(warnings, []);
  });
});

describe('runs of the same sweep on a region', () => {
  it('join what they note, so that nothing of an earlier one is lost', async () => {
    await azure.seed([...locked, ...Array.from({ length: 40 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`))]);
    const app = reporting();
    const [message] = await startSweep(shared(app), log);
    let looks = 0;
    // Time runs on with each look at the clock, so that the first run ends in the middle.
    const hurried = { ...app, clock: { ...app.clock, now: () => now + looks++ } };

    const rest = await workRegion(shared(hurried), message ?? assert.fail(), log, {
      redelivered: false,
      budgetMs: 40,
    });
    const half = JSON.parse(await read('outcomes/eastus.json'));
    await workRegion(shared(app), rest ?? assert.fail('the first run did it all'), log, {
      redelivered: false,
    });
    const whole = JSON.parse(await read('outcomes/eastus.json'));

    assert.ok(half.vms.length > 0 && half.vms.length < 41);
    assert.equal(whole.vms.length, 41);
    assert.deepEqual(whole.tally.assigned, { 'goal-added': 40 });
  });
});

describe('a run that could look at nothing', () => {
  it('leaves what the one before noted', async () => {
    await azure.seed(locked);
    const [message] = await sweepOnce();
    const noted = await read('outcomes/eastus.json');
    azure.faults.add({
      method: '*',
      path: 'ResourceGraph',
      times: 99,
      status: 503,
      headers: {},
      latencyMs: 0,
    });

    const run = workRegion(
      shared(reporting()),
      {
        ...(message ?? assert.fail()),
        sweepId: '5ca1ab1e-0001-4000-8000-000000000002',
        until: '2026-11-24T17:00:00Z',
      },
      log,
      { redelivered: false },
    );

    await assert.rejects(run, /503/);
    assert.equal(await read('outcomes/eastus.json'), noted);
  });
});

describe('storage that fails', () => {
  const broken = (of: Partial<ReportsContainer>): App => {
    const app = reporting();
    return { ...app, reports: { ...(app.reports ?? assert.fail()), ...of } };
  };
  const refuse = () => Promise.reject(new Error('403 AuthorizationPermissionMismatch'));

  it('stops neither sweep nor runs: they warn and go on', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a')]);

    const messages = await sweepOnce(
      reporting({
        AzureWebJobsStorage: storage.connectionString.replace(
          /BlobEndpoint=[^;]+/,
          'BlobEndpoint=http://127.0.0.1:9/x',
        ),
      }),
    );

    assert.equal(messages.length, 1);
    assert.match(
      azure.store.get(vmIn(SUBSCRIPTION, 'vm-a').id)?.resource.identity?.type ?? '',
      /UserAssigned/,
    );
    assert.ok(warnings.some((text) => text.startsWith('The report was not written; the sweep goes on')));
    assert.ok(warnings.some((text) => text.includes('outcomes/eastus.json')));
  });

  it('to be read leaves the trend as it is', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a')]);
    await sweepOnce();
    const history = await read('history.json');

    await sweepOnce(broken({ read: refuse }));

    assert.equal((await latest()).historyKnown, false);
    assert.equal(await read('history.json'), history);
    assert.ok(warnings.some((text) => /Reports cannot be read .*403 Authorization/.test(text)));
  });

  it('or holds what is not ours counts as empty, and is written over', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-a')]);
    await sweepOnce();
    for (const name of ['history.json', 'outcomes/eastus.json']) {
      await blobs().getBlockBlobClient(name).upload('{"version":7}', 13);
    }

    await sweepOnce();
    await sweepOnce();

    const { historyKnown, trend } = await latest();
    assert.equal(historyKnown, true);
    assert.equal(trend.length, 2);
    assert.ok(warnings.some((text) => text.startsWith('A blob of the reports is not ours')));
  });
});
