import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type HostedFixture, hostFixture } from './localHost.ts';

let fixture: HostedFixture;
before(async () => {
  fixture = await hostFixture({ settings: { FROM_SETTINGS: 'yes' } });
});
after(() => fixture.host.stop());

/** Runs one order of the fixture's `work`; returns what it put out. */
async function put(order: unknown): Promise<unknown[]> {
  await fixture.queue('results').client.clearMessages();
  await fixture.queue('work').send(order);
  await fixture.host.idle();
  return fixture.queue('results').contents();
}

test('the return value is written after success: one message for each element, none for undefined', async () => {
  assert.deepEqual(await put({ put: [{ a: 1 }, 'two', 3] }), [{ a: 1 }, 'two', 3]);
  assert.deepEqual(await put({ put: '["x","y"]' }), ['x', 'y']);
  assert.deepEqual(await put({ put: { deep: { b: [1] } } }), [{ deep: { b: [1] } }]);
  assert.deepEqual(await put({}), []);
});

test('nothing is written by a function that fails, and its message ends in the poison queue', async () => {
  const before = fixture.of('ended', 'work').length;

  assert.deepEqual(await put({ name: 'doomed', do: 'fail', put: 'never' }), []);

  assert.deepEqual(
    fixture
      .of('ended', 'work')
      .slice(before)
      .map(({ outcome, error }) => `${outcome}: ${error?.split('\n')[0]}`),
    Array(3).fill('Failed: Error: doomed failed'),
  );
  assert.deepEqual(await fixture.queue('work-poison').contents(), [
    { name: 'doomed', do: 'fail', put: 'never' },
  ]);
});

test('a function sees what it sees in Azure: JSON parsed, metadata in camel case, fields of the message mixed in', async () => {
  await fixture.queue('results').client.clearMessages();
  await fixture.queue('echo').send({ id: 'mine', Nested: { Key: 1 }, list: [1], dequeueCount: 77 });
  await fixture.queue('echo').send('5');
  await fixture.queue('echo').send('plain');
  await fixture.host.idle();

  const seen = (await fixture.queue('results').contents()) as Record<string, Record<string, unknown>>[];
  const of = (type: string) => seen.find((each) => String(each.type) === type);
  assert.deepEqual(of('object')?.message, { id: 'mine', Nested: { Key: 1 }, list: [1], dequeueCount: 77 });
  const { id, nested, list, dequeueCount, popReceipt, queueTrigger, insertionTime } =
    of('object')?.metadata ?? {};
  assert.deepEqual(
    { id, nested, list, dequeueCount },
    { id: 'mine', nested: { key: 1 }, list: undefined, dequeueCount: 77 },
  );
  assert.deepEqual(queueTrigger, { id: 'mine', nested: { key: 1 }, list: [1], dequeueCount: 77 });
  assert.equal(typeof popReceipt, 'string');
  assert.ok(Date.parse(String(insertionTime)) > 0);
  assert.equal(of('number')?.message, 5);
  assert.equal(of('number')?.metadata?.dequeueCount, 1);
  assert.equal(of('string')?.message, 'plain');
});

test('logs are tied to their invocation, and what is logged after it is dropped with a warning', async () => {
  await put({ name: 'late', do: 'logLate' });
  await until('the library warned', () =>
    fixture.logs().some((line) => line.includes("Unexpected call to 'log'")),
  );

  const { invocationId } = fixture.of('started', 'work').at(-1) ?? {};
  const own = fixture
    .of('log', 'work')
    .filter((line) => line.invocationId === invocationId && line.source === 'user');
  assert.deepEqual(
    own.map(({ message }) => message.replace(/\d+/, 'N')),
    ['late begins in N', 'late ends'],
  );
  const onTheConsole = fixture.of('log').filter((line) => line.source === 'console');
  assert.ok(onTheConsole.length > 0 && onTheConsole.every((line) => line.invocationId === undefined));
});

test('a function whose setting is missing is said to be in error, and the others run', () => {
  assert.deepEqual(fixture.host.inError, [
    { name: 'unset', problem: "'%NO_SUCH_SETTING%' does not resolve to a value" },
  ]);
  assert.ok(
    fixture.logs().some((line) => line.startsWith("The 'unset' function is in error: '%NO_SUCH_SETTING%'")),
  );
  assert.deepEqual(
    fixture.host.functions.map(({ name }) => name),
    ['work', 'tick', 'event', 'echo'],
  );
});

test('messages are counted, those at hand apart from those that wait', async () => {
  await fixture.queue('work').send({ do: 'sleep', ms: 1500 });
  await until('it runs', () => fixture.of('started', 'work').length > fixture.of('ended', 'work').length);

  assert.deepEqual((await fixture.host.counts()).work, { visible: 0, invisible: 1 });

  await fixture.host.idle();
  assert.deepEqual((await fixture.host.counts()).work, { visible: 0, invisible: 0 });
});
