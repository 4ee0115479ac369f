import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readHostJson } from '../../local/hostJson.ts';
import { readLocalSettings } from '../../local/localSettings.ts';

const folder = mkdtempSync(join(tmpdir(), 'host-json-'));
after(() => rmSync(folder, { recursive: true }));

function withFile<T>(name: string, content: unknown, read: (root: string) => T): T {
  const file = join(folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  try {
    return read(folder);
  } finally {
    rmSync(file);
  }
}

test('a missing host.json gives the defaults of the host', () => {
  const { functionTimeoutMs, queues } = readHostJson(folder);

  assert.equal(functionTimeoutMs, 30 * 60_000);
  assert.deepEqual(queues, {
    batchSize: 16,
    newBatchThreshold: 8,
    maxDequeueCount: 5,
    maxPollingInterval: 60_000,
    visibilityTimeout: 0,
    messageEncoding: 'base64',
  });
});

test('time spans and the endless timeout are read', () => {
  const queues = { maxPollingInterval: '00:00:02.5', visibilityTimeout: '1.02:03:04', batchSize: 3 };
  const hostJson = { version: '2.0', functionTimeout: '-1', extensions: { queues }, unknown: true };

  const read = withFile('host.json', hostJson, readHostJson);

  assert.equal(read.functionTimeoutMs, Number.POSITIVE_INFINITY);
  assert.equal(read.queues.maxPollingInterval, 2500);
  assert.equal(read.queues.visibilityTimeout, ((26 * 60 + 3) * 60 + 4) * 1000);
  assert.equal(read.queues.newBatchThreshold, 1);
});

test('wrong values are named, all in one message', () => {
  const queues = { batchSize: 64, maxPollingInterval: '2s' };
  const hostJson = { version: '2.0', functionTimeout: '5m', extensions: { queues } };

  const read = () => withFile('host.json', hostJson, readHostJson);

  assert.throws(read, /functionTimeout.*batchSize.*maxPollingInterval/);
  assert.throws(() => withFile('host.json', '{', readHostJson), /is not JSON/);
});

test('local.settings.json gives its values, and an encrypted or broken one is refused in one line', () => {
  const settings = { IsEncrypted: false, Values: { SCOPES: 'x' } };

  assert.deepEqual(withFile('local.settings.json', settings, readLocalSettings), { SCOPES: 'x' });
  assert.deepEqual(readLocalSettings(folder), {});
  for (const wrong of [{ IsEncrypted: true }, { Values: { A: 1 } }, '{']) {
    const read = () => withFile('local.settings.json', wrong, readLocalSettings);
    assert.throws(
      read,
      (error: Error) => /cannot be read/.test(error.message) && !error.message.includes('\n'),
    );
  }
});
