import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { until } from '../until.ts';
import { hostFixture, hostFixtureFor, isAlive } from './localHost.ts';

describe('worker processes', { concurrency: 2 }, () => {
  test('a worker killed in the middle of a message is replaced, and the message comes back after its lease', async (t) => {
    const { host, of, queue, logs } = await hostFixtureFor(t, { workers: 2 });
    await queue('work').send({ name: 'orphan', do: 'sleep', ms: 500, put: 'done' });
    await until('it runs', () => of('log', 'work').length > 0);
    const [pid = 0] = host
      .workerPids()
      .filter((each) => of('log', 'work')[0]?.message.endsWith(`in ${each}`));

    process.kill(pid, 'SIGKILL');
    await until('it succeeded', () => of('ended', 'work').some(({ outcome }) => outcome === 'Succeeded'));
    await host.idle();

    assert.deepEqual(
      of('ended', 'work').map(({ outcome }) => outcome),
      ['Failed', 'Succeeded'],
    );
    assert.match(of('started', 'work')[1]?.reason ?? '', /attempt 2/);
    assert.deepEqual(await queue('results').contents(), ['done']);
    assert.ok(
      logs().some((line) => line.includes(`(process ${pid}) ended with SIGKILL. Another is started.`)),
    );
    await until('there are two again', () => host.workerPids().length === 2);
    const pids = host.workerPids();
    await host.stop();
    assert.deepEqual(pids.filter(isAlive), []);
  });

  test('two workers share the messages of a queue, and none runs twice', async (t) => {
    const { host, of, queue } = await hostFixtureFor(t, { workers: 2 });
    const orders = Array.from({ length: 30 }, (_, index) => ({
      name: `order-${index}`,
      do: 'sleep',
      ms: 150,
    }));

    await Promise.all(orders.map((order) => queue('work').send(order)));
    await until('all ended', () => of('ended', 'work').length >= orders.length);
    await host.idle();

    const began = of('log', 'work').flatMap(({ message }) =>
      / begins in/.test(message) ? [message.split(' ')[0]] : [],
    );
    assert.deepEqual(began.sort(), orders.map(({ name }) => name).sort());
    assert.deepEqual([...new Set(of('ended', 'work').map(({ worker }) => worker))].sort(), [1, 2]);
  });

  test('what runs when the time to stop is over is let go, and runs again in the next host', async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'local-host-'));
    t.after(() => rmSync(dataDir, { recursive: true }));
    const first = await hostFixtureFor(t, { leaseSeconds: 600, dataDir });
    await first.queue('work').send({ name: 'cut off', do: 'sleep', ms: 60_000 });
    await until('it runs', () => first.of('started', 'work').length === 1);

    await first.host.stop(0.2);
    const second = await hostFixtureFor(t, { leaseSeconds: 600, dataDir });
    await until('it runs again', () => second.of('started', 'work').length === 1);

    assert.equal(first.of('ended', 'work')[0]?.outcome, 'Failed');
    assert.match(second.of('started', 'work')[0]?.reason ?? '', /attempt 2/);
  });

  test('a worker that ends with exit code 0 is not replaced, and the host gives up when none is left', async (t) => {
    const { host, queue, logs } = await hostFixtureFor(t);
    await queue('work').send({ do: 'exit' });

    const error = await host.failed;

    assert.equal(error.message, 'No worker process is left.');
    assert.ok(logs().some((line) => line.includes('must not call process.exit()')));
  });

  test('a rejection nobody awaited fails all that runs in its worker, at once, and the third is one too many', async (t) => {
    // With a lease of ten minutes, messages come back in time only because they are let go.
    const { host, of, queue, logs } = await hostFixtureFor(t, { leaseSeconds: 600 });
    await queue('work').send({ name: 'bystander', do: 'sleep', ms: 60_000 });
    await until('it runs', () => of('started', 'work').length === 1);
    await queue('work').send({ name: 'culprit', do: 'reject' });

    const error = await host.failed;

    assert.equal(error.message, 'The app crashed 3 times within 30 minutes.');
    assert.equal(logs().filter((line) => line.includes('crashed: Error: culprit was not awaited')).length, 3);
    assert.equal(logs().filter((line) => line.endsWith('exit code 1. Another is started.')).length, 2);
    assert.deepEqual([...new Set(of('ended', 'work').map(({ outcome }) => outcome))], ['Failed']);
    assert.deepEqual((await host.counts())['work-poison'], { visible: 2, invisible: 0 });
  });

  test('a function over its timeout fails, and with it all that runs in its worker', async (t) => {
    const { host, of, queue, logs } = await hostFixtureFor(t, { leaseSeconds: 600 });
    const [before] = host.workerPids();
    await queue('work').send({ name: 'stuck', do: 'hang' });
    await until('it runs', () => of('started', 'work').length === 1);
    await queue('work').send({ name: 'bystander', do: 'sleep', ms: 60_000 });

    await until('both failed', () => of('ended', 'work').length >= 2);
    await until('another worker is there', () => host.workerPids().some((pid) => pid !== before));

    const timeout = /^Timeout value of 3 s exceeded by function 'work'/;
    assert.ok(logs().some((line) => timeout.test(line)));
    for (const { outcome, error } of of('ended', 'work').slice(0, 2)) {
      assert.equal(outcome, 'Failed');
      // The first one's timeout, by its id, is what failed them both.
      assert.ok(error?.includes(of('started', 'work')[0]?.invocationId ?? '-'), error);
    }
  });
});

test('an app that cannot be loaded is said to be so, and nothing is left behind', async () => {
  const mainFile = `${import.meta.dirname}/fixture/host.json`;

  await assert.rejects(hostFixture({ mainFile }), /The app cannot be loaded\..*host\.json/s);
});
