import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import type { Fault } from '../../emulator/control/faults.ts';
import { anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';

let now = 1_000_000;
const azure = await anAzure({ clock: { speed: 1, origin: 0, now: () => now }, tokenLifetimeSeconds: 60 });
after(() => azure.close());
const vm = vmIn(SUBSCRIPTION, 'vm');
beforeEach(async () => {
  azure.store.clear();
  await azure.seed([vm, vmIn(SUBSCRIPTION, 'other')]);
});
afterEach(() => azure.faults.clear());

const fault = (more: Partial<Fault>) =>
  azure.faults.add({ method: '*', path: '', times: 1, headers: {}, latencyMs: 0, ...more });

async function token(): Promise<Response> {
  return fetch(`${azure.identityEndpoint}?resource=arm&api-version=2019-08-01`, {
    headers: { 'x-identity-header': azure.identityHeader },
  });
}

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  const { access_token } = (await (await token()).json()) as { access_token: string };
  return fetch(`${azure.armEndpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const patch = (tags: Record<string, string>) => call('PATCH', `${vm.id}?api-version=2024-07-01`, { tags });
const read = async () => (await call('GET', `${vm.id}?api-version=2024-07-01`)).json();
const state = async () => ((await read()) as { properties: { provisioningState: string } }).properties;

async function inGraph(): Promise<{ name: string; tags: Record<string, string> | null }[]> {
  const query =
    "resources | where type == 'microsoft.compute/virtualmachines' | project id, name, tags | order by id";
  const answer = await call('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
    subscriptions: [SUBSCRIPTION],
    query,
  });
  return ((await answer.json()) as { data: { name: string; tags: Record<string, string> | null }[] }).data;
}

describe('a fault', () => {
  it('cuts an answer in the middle, with the write applied', async () => {
    fault({ method: 'PATCH', truncated: 'broken' });

    const answer = await patch({ a: '1' });

    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    assert.deepEqual(azure.store.get(vm.id)?.resource.tags, { a: '1' });
  });

  it('passes half an answer on as if it were all', async () => {
    fault({ method: 'GET', path: '/vm$', truncated: 'ended' });

    const text = await (await call('GET', `${vm.id}?api-version=2024-07-01`)).text();

    assert.ok(text.startsWith('{'));
    assert.throws(() => JSON.parse(text), SyntaxError);
  });

  it('lets an operation last, however short operations are otherwise', async () => {
    fault({ method: 'PATCH', operationMs: 3_600_000 });
    await patch({ a: '1' });

    const atFirst = (await state()).provisioningState;
    now += 3_600_000;

    assert.deepEqual([atFirst, (await state()).provisioningState], ['Updating', 'Succeeded']);
  });

  it('keeps one write from Resource Graph, and no later one', async () => {
    fault({ method: 'PATCH', graphLagMs: 600_000 });
    await patch({ a: '1' });

    const atFirst = (await inGraph()).find(({ name }) => name === 'vm')?.tags;
    now += 600_000;
    const then = (await inGraph()).find(({ name }) => name === 'vm')?.tags;
    await patch({ a: '2' });

    assert.deepEqual([atFirst, then], [null, { a: '1' }]);
    assert.deepEqual((await inGraph()).find(({ name }) => name === 'vm')?.tags, { a: '2' });
  });

  it('hides rows from one query', async () => {
    fault({ method: 'POST', graphHides: '/VM$' });

    const [first, second] = [await inGraph(), await inGraph()];

    assert.deepEqual(
      [first, second].map((rows) => rows.map(({ name }) => name)),
      [['other'], ['vm', 'other']],
    );
  });

  it('refuses tokens, or breaks the connection', async () => {
    fault({ path: '/msi/token', status: 500, times: 1 });
    fault({ path: '/msi/token', reset: 'before', times: 1 });

    assert.equal((await token()).status, 500);
    await assert.rejects(token());
    const { expires_on } = (await (await token()).json()) as { expires_on: string };
    const seconds = Number(expires_on) - Date.now() / 1000;
    assert.ok(seconds > 30 && seconds <= 61, `a token is good for ${seconds} s`);
  });
});
