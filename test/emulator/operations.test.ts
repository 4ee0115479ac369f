import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { remediator } from '../../emulator/arm/principals.ts';
import { identityId } from '../../emulator/fleet/shapes.ts';
import { anAzure, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

const LAG_MS = 30_000;
// Time passes only when a test says so.
let now = 1_000_000;
const azure = await anAzure({
  clock: { speed: 1, origin: 0, now: () => now },
  operationScale: 1,
  graphLagSeconds: LAG_MS / 1000,
});
after(() => azure.close());
const vm = vmIn(SUBSCRIPTION, 'vm');
const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
beforeEach(async () => {
  azure.store.clear();
  azure.faults.clear();
  await azure.seed([vm]);
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly error?: { code: string; message: string };
    readonly data?: { provisioningState: string }[];
    readonly value?: unknown[];
    readonly status?: string;
    readonly properties?: { timeCreated?: string };
  };
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01&client_id=${remediator.clientId}`;
  const signedIn = await fetch(url, { headers: { 'x-identity-header': azure.identityHeader } });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const version = path.includes('api-version=') ? '' : '?api-version=2024-07-01';
  const response = await fetch(`${azure.armEndpoint}${path}${version}`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

const endOf = (id: string): number => azure.store.get(id)?.operation?.endsAt ?? assert.fail('nothing runs');
const codeOf = ({ status, body }: Answer) => [status, body.error?.code];
const lasting = (operationMs: number) =>
  azure.faults.add({ method: '*', path: '', times: 1, headers: {}, latencyMs: 0, operationMs });
/** An URL of the embedded Azure without its host. */
const pathOf = (url: string | null) => (url ?? assert.fail('no URL')).replace(azure.armEndpoint, '');

/** The state Resource Graph shows of the one row of this type; undefined when there is none. */
async function shown(table: string, type: string): Promise<string | undefined> {
  const query = `${table} | where type =~ '${type}' | project id, provisioningState = tostring(properties.provisioningState)`;
  const { body } = await call('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
    query,
  });
  return body.data?.[0]?.provisioningState;
}
const vmShown = () => shown('resources', 'microsoft.compute/virtualmachines');
const groupShown = () => shown('resourcecontainers', 'microsoft.resources/subscriptions/resourcegroups');

describe('Resource Graph learns of an operation as late as of everything else:', () => {
  it('of an update', async () => {
    lasting(60_000);
    await call('PATCH', vm.id, { tags: { a: '1' } });

    const states = [];
    for (const ms of [0, LAG_MS - 1, 1, 30_000, LAG_MS - 1, 1]) {
      now += ms;
      states.push(await vmShown());
    }

    assert.deepEqual(states, ['Succeeded', 'Succeeded', 'Updating', 'Updating', 'Updating', 'Succeeded']);
  });

  it('of a creation', async () => {
    azure.store.clear();
    await azure.seed([{ id: group, location: 'eastus' }]);
    lasting(60_000);
    await call('PUT', vm.id, { location: 'eastus' });

    const states = [];
    for (const ms of [0, LAG_MS, 60_000]) {
      now += ms;
      states.push(await vmShown());
    }

    assert.deepEqual(states, [undefined, 'Creating', 'Succeeded']);
  });

  it('of a deletion', async () => {
    await call('DELETE', vm.id);
    const states = [await vmShown()];
    now = endOf(vm.id) + LAG_MS - 1;
    states.push(await vmShown());
    assert.equal((await call('GET', vm.id)).status, 404);
    now += 1;
    states.push(await vmShown());

    assert.deepEqual(states, ['Succeeded', 'Deleting', undefined]);
  });

  it('of the deletion of a group, and of all that is in it', async () => {
    await call('DELETE', group);
    const states = [[await groupShown(), await vmShown()]];
    now = endOf(group) + LAG_MS - 1;
    states.push([await groupShown(), await vmShown()]);
    now += 1;
    states.push([await groupShown(), await vmShown()]);

    assert.deepEqual(states, [
      ['Succeeded', 'Succeeded'],
      ['Deleting', 'Deleting'],
      [undefined, undefined],
    ]);
  });

  it('nor does a VM that was made anew bring back the one before it', async () => {
    lasting(0);
    await call('DELETE', vm.id);
    now = endOf(vm.id) + LAG_MS - 1;
    await call('PUT', vm.id, { location: 'eastus' });
    const states = [await vmShown()];
    now += 1;
    states.push(await vmShown());

    assert.deepEqual(states, ['Deleting', undefined]);
  });
});

describe('nothing is written', () => {
  const identity = identityId({ subscriptionId: SUBSCRIPTION }, 'rg-app', 'id');
  const writes: [string, string, string, unknown][] = [
    ['a new VM', 'PUT', `${vm.id}-new`, { location: 'eastus' }],
    ['a VM', 'PATCH', vm.id, { tags: {} }],
    ['an identity', 'PUT', identity, { location: 'eastus' }],
    [
      'a lock',
      'PUT',
      `${group}/providers/Microsoft.Authorization/locks/l`,
      { properties: { level: 'ReadOnly' } },
    ],
    ['the group', 'PUT', group, { location: 'eastus' }],
    ['tags of the group', 'PATCH', group, { tags: {} }],
  ];

  for (const [what, method, id, body] of writes) {
    it(`in a group that is being deleted: ${what}`, async () => {
      await call('DELETE', group);

      const refused = await call(method, id, body);

      assert.deepEqual(codeOf(refused), [409, 'ResourceGroupBeingDeleted']);
      assert.match(refused.body.error?.message ?? '', /'rg-app' is in deprovisioning state/);
      assert.equal((await call('GET', vm.id)).status, 200);
      assert.equal((await call('DELETE', group)).status, 202);
    });
  }

  it('before the group is gone, and then it can be made anew, with nothing in it', async () => {
    await call('DELETE', group);
    now = endOf(group);

    assert.equal((await call('PUT', group, { location: 'eastus' })).status, 201);
    const list = `${group}/providers/Microsoft.Compute/virtualMachines`;
    assert.deepEqual((await call('GET', list)).body.value, []);
  });

  it('in a group that a fleet says is being deleted', async () => {
    await azure.seed([{ id: group, location: 'eastus', properties: { provisioningState: 'Deleting' } }]);

    assert.deepEqual(codeOf(await call('PATCH', vm.id, { tags: {} })), [409, 'ResourceGroupBeingDeleted']);
  });

  it('in a subscription that is disabled; what is there can be read and deleted', async () => {
    const subscription = `/subscriptions/${OTHER_SUBSCRIPTION}`;
    const far = vmIn(OTHER_SUBSCRIPTION, 'far');
    await azure.seed([{ id: subscription, properties: { state: 'Disabled' } }, far]);

    for (const [method, id, body] of [
      ['PATCH', far.id, { tags: {} }],
      ['PUT', `${subscription}/resourceGroups/rg-new`, { location: 'eastus' }],
      ['POST', `${subscription}/providers/Microsoft.Compute/register`, undefined],
    ] as const) {
      const refused = await call(method, id, body);
      assert.deepEqual(codeOf(refused), [409, 'ReadOnlyDisabledSubscription']);
      assert.match(
        refused.body.error?.message ?? '',
        new RegExp(
          `^The subscription '${OTHER_SUBSCRIPTION}' is disabled and therefore marked as read only\\.`,
        ),
      );
    }
    assert.equal((await call('GET', far.id)).status, 200);
    assert.equal((await call('DELETE', far.id)).status, 202);
    assert.equal((await call('PATCH', vm.id, { tags: {} })).status, 200);
  });
});

describe('an operation', () => {
  const poll = async (path: string) => {
    const { status, headers, body } = await call('GET', path);
    return [status, body.status, headers.get('retry-after')];
  };

  it('asks at its first poll for a longer wait when it creates, and never else', async () => {
    lasting(60_000);
    const created = await call('PUT', `${vm.id}-new`, { location: 'eastus' });
    lasting(60_000);
    const updated = await call('PATCH', vm.id, { tags: {} });

    const creation = pathOf(created.headers.get('azure-asyncoperation'));
    assert.deepEqual(await poll(creation), [200, 'InProgress', '30']);
    assert.deepEqual(await poll(creation), [200, 'InProgress', null]);
    const update = pathOf(updated.headers.get('azure-asyncoperation'));
    assert.deepEqual(await poll(update), [200, 'InProgress', null]);
  });

  it('is followed by its Location, which says how to go on until it is over', async () => {
    const deleted = await call('DELETE', vm.id);
    const location = pathOf(deleted.headers.get('location'));

    const running = await call('GET', location);
    assert.equal(running.status, 202);
    assert.equal(running.headers.get('retry-after'), '10');
    assert.equal(pathOf(running.headers.get('location')), location);
    now = endOf(vm.id);
    assert.deepEqual(await poll(location), [200, undefined, null]);
  });
});

it('a VM of a fleet was created some time, as far as newer api-versions tell', async () => {
  const createdIn = async (version: string) => {
    const { body } = await call('GET', `${vm.id}?api-version=${version}`);
    return body.properties?.timeCreated;
  };

  assert.ok(Date.parse((await createdIn('2021-11-01')) ?? '') < Date.now());
  assert.equal(await createdIn('2021-07-01'), undefined);
});
