import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagementLockClient } from '@azure/arm-locks';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { ResourceManagementClient } from '@azure/arm-resources';
import { ManagedIdentityCredential } from '@azure/identity';
import { locations } from '../../emulator/arm/locations.ts';
import { remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { identityId } from '../../emulator/fleet/shapes.ts';
import { anAzure, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

const place = { subscriptionId: SUBSCRIPTION };
const [A, B, C] = ['a', 'b', 'c'].map((name) => identityId(place, 'rg-ids', name)) as [
  string,
  string,
  string,
];
const BOTH = 'SystemAssigned, UserAssigned';

let azure: Azure;
let compute: ComputeManagementClient;
let identities: ManagedServiceIdentityClient;
let locks: ManagementLockClient;
let resources: ResourceManagementClient;

before(async () => {
  azure = await anAzure();
  const credential = new ManagedIdentityCredential({ clientId: remediator.clientId });
  const options = { endpoint: azure.armEndpoint, retryOptions: { maxRetries: 0 } };
  compute = new ComputeManagementClient(credential, SUBSCRIPTION, options);
  identities = new ManagedServiceIdentityClient(credential, SUBSCRIPTION, options);
  locks = new ManagementLockClient(credential, SUBSCRIPTION, options);
  resources = new ResourceManagementClient(credential, SUBSCRIPTION, options);
});
after(() => azure.close());
beforeEach(async () => {
  azure.store.clear();
  await azure.seed([A, B, C].map((id) => ({ id, location: 'eastus' })));
});

type Identity = { type: string; userAssignedIdentities?: Record<string, object | null> };
const update = (identity: Identity, options = {}) =>
  compute.virtualMachines.update('rg-app', 'vm', { identity } as never, options).submitted();
const read = () => compute.virtualMachines.get('rg-app', 'vm');
const map = (...ids: string[]) => Object.fromEntries(ids.map((id) => [id, {}]));
const refusedWith =
  (code: string, status: number) => (error: Error & { code?: string; statusCode?: number }) => {
    assert.deepEqual([error.code, error.statusCode], [code, status]);
    return true;
  };

describe('a PATCH of a VM’s identity', () => {
  // wire-behaviour 1.1, row by row.
  const rows: [string, Identity | undefined, Identity, string | undefined, string[]][] = [
    [
      'adds to none',
      undefined,
      { type: 'UserAssigned', userAssignedIdentities: map(A) },
      'UserAssigned',
      [A],
    ],
    [
      'merges the map',
      { type: BOTH, userAssignedIdentities: map(A) },
      { type: BOTH, userAssignedIdentities: map(B) },
      BOTH,
      [A, B],
    ],
    [
      'removes by null, ignoring case',
      { type: BOTH, userAssignedIdentities: map(A, B) },
      { type: BOTH, userAssignedIdentities: { [A.toLowerCase()]: null } },
      BOTH,
      [B],
    ],
    [
      'swaps in one call',
      { type: 'UserAssigned', userAssignedIdentities: map(A) },
      { type: 'UserAssigned', userAssignedIdentities: { [A]: null, [B]: {} } },
      'UserAssigned',
      [B],
    ],
    [
      'keeps the map when only the type is sent',
      { type: 'UserAssigned', userAssignedIdentities: map(A) },
      { type: BOTH },
      BOTH,
      [A],
    ],
    [
      'drops the system identity when the type leaves it out',
      { type: BOTH, userAssignedIdentities: map(A) },
      { type: 'UserAssigned' },
      'UserAssigned',
      [A],
    ],
    [
      'wipes every user identity with type SystemAssigned',
      { type: BOTH, userAssignedIdentities: map(A, B) },
      { type: 'SystemAssigned' },
      'SystemAssigned',
      [],
    ],
    [
      'removes everything with type None',
      { type: BOTH, userAssignedIdentities: map(A) },
      { type: 'None' },
      undefined,
      [],
    ],
    [
      'takes a type without the blank',
      { type: 'SystemAssigned' },
      { type: 'SystemAssigned,UserAssigned', userAssignedIdentities: map(A) },
      BOTH,
      [A],
    ],
  ];
  for (const [name, before, patch, type, ids] of rows) {
    it(name, async () => {
      await azure.seed([vmIn(SUBSCRIPTION, 'vm', before && { identity: before })]);
      const principal = (await read()).identity?.principalId;

      await update(patch);

      const { identity } = await read();
      assert.equal(identity?.type, type);
      assert.deepEqual(Object.keys(identity?.userAssignedIdentities ?? {}), ids);
      for (const value of Object.values(identity?.userAssignedIdentities ?? {})) assert.ok(value.clientId);
      if (type?.startsWith('System') && principal) assert.equal(identity?.principalId, principal);
    });
  }

  const refusals: [string, Identity, string, number][] = [
    [
      'ids with type SystemAssigned',
      { type: 'SystemAssigned', userAssignedIdentities: map(A) },
      'InvalidParameter',
      400,
    ],
    ['a type that does not exist', { type: 'Everything' }, 'InvalidParameter', 400],
    ['UserAssigned without any id', { type: 'UserAssigned' }, 'MissingIdentityIds', 400],
    [
      'an id that is none',
      { type: 'UserAssigned', userAssignedIdentities: map('/x') },
      'LinkedInvalidPropertyId',
      400,
    ],
    [
      'an identity that does not exist',
      { type: 'UserAssigned', userAssignedIdentities: map(`${A}x`) },
      'FailedIdentityOperation',
      400,
    ],
  ];
  for (const [name, patch, code, status] of refusals) {
    it(`refuses ${name}`, async () => {
      await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

      await assert.rejects(update(patch), refusedWith(code, status));
      assert.equal((await read()).identity, undefined);
    });
  }

  it('answers Updating with an empty value for what is new, and is Succeeded with the same ETag later', async () => {
    const slow = await anAzure({ operationScale: 0.02 });
    try {
      await slow.seed([{ id: A, location: 'eastus' }, vmIn(SUBSCRIPTION, 'vm')]);
      const own = new ComputeManagementClient(
        new ManagedIdentityCredential({ clientId: remediator.clientId }),
        SUBSCRIPTION,
        { endpoint: slow.armEndpoint },
      );
      let answer: Record<string, unknown> = {};
      let operation: string | undefined;
      await own.virtualMachines
        .update(
          'rg-app',
          'vm',
          { identity: { type: 'UserAssigned', userAssignedIdentities: map(A) } },
          {
            onResponse: (response) => {
              answer = JSON.parse(response.bodyAsText ?? '');
              operation = response.headers.get('azure-asyncoperation');
            },
          },
        )
        .submitted();
      const { identity, properties, etag } = answer as {
        identity: { userAssignedIdentities: object };
        properties: { provisioningState: string };
        etag: string;
      };
      assert.deepEqual(identity.userAssignedIdentities, { [A]: {} });
      assert.equal(properties.provisioningState, 'Updating');
      assert.ok((operation?.length ?? 0) > 2500, 'the URL of the operation is signed, and long');

      let vm = await own.virtualMachines.get('rg-app', 'vm');
      while (vm.provisioningState === 'Updating') vm = await own.virtualMachines.get('rg-app', 'vm');

      assert.equal(vm.provisioningState, 'Succeeded');
      assert.equal(vm.etag, etag);
    } finally {
      await slow.close();
    }
  });

  it('the SDK’s own poller is satisfied', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

    const vm = await compute.virtualMachines.update('rg-app', 'vm', { identity: { type: 'SystemAssigned' } });

    assert.equal(vm.identity?.type, 'SystemAssigned');
  });

  it('is refused when the ETag has moved, quoting both', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    const { etag } = await read();
    await update({ type: 'SystemAssigned' });

    await assert.rejects(
      update({ type: 'UserAssigned', userAssignedIdentities: map(A) }, { ifMatch: etag }),
      (error: Error) => {
        assert.match(
          error.message,
          /Etag provided in if-match header "1" does not match etag "2" of resource/,
        );
        return refusedWith('PreconditionFailed', 412)(error);
      },
    );
    await update({ type: 'SystemAssigned' }, { ifMatch: '"2"' });
  });

  it('cannot name a new identity before it is visible', async () => {
    const slow = await anAzure({ identityVisibleAfterSeconds: 60 });
    try {
      const credential = new ManagedIdentityCredential({ clientId: remediator.clientId });
      const options = { endpoint: slow.armEndpoint };
      await slow.seed([vmIn(SUBSCRIPTION, 'vm')]);
      const { id } = await new ManagedServiceIdentityClient(
        credential,
        SUBSCRIPTION,
        options,
      ).userAssignedIdentities.createOrUpdate('rg-app', 'new', { location: 'eastus' });
      const vms = new ComputeManagementClient(credential, SUBSCRIPTION, options).virtualMachines;

      await assert.rejects(
        vms
          .update('rg-app', 'vm', {
            identity: { type: 'UserAssigned', userAssignedIdentities: map(id ?? '') },
          })
          .submitted(),
        refusedWith('FailedIdentityOperation', 400),
      );
    } finally {
      await slow.close();
    }
  });

  it('of a VM being deleted is refused', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    const entry = azure.store.get(vmIn(SUBSCRIPTION, 'vm').id);
    assert.ok(entry);
    entry.operation = { id: 'x', kind: 'Deleting', startsAt: 0, endsAt: Number.MAX_SAFE_INTEGER };

    await assert.rejects(update({ type: 'SystemAssigned' }), refusedWith('OperationNotAllowed', 409));
  });

  it('of a VM that a fleet says is being deleted is refused, too', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm', { properties: { provisioningState: 'Deleting' } })]);

    await assert.rejects(update({ type: 'SystemAssigned' }), (error: Error) => {
      assert.match(error.message, /VM 'vm' is marked for deletion/);
      return refusedWith('OperationNotAllowed', 409)(error);
    });
    await compute.virtualMachines.delete('rg-app', 'vm');
  });
});

describe('a PUT of a VM', () => {
  it('replaces the whole map of identities, which is how updates get lost', async () => {
    await azure.seed([
      vmIn(SUBSCRIPTION, 'vm', { identity: { type: 'UserAssigned', userAssignedIdentities: map(A, B) } }),
    ]);

    await compute.virtualMachines.createOrUpdate('rg-app', 'vm', {
      location: 'eastus',
      identity: { type: 'UserAssigned', userAssignedIdentities: map(C) },
    });

    assert.deepEqual(Object.keys((await read()).identity?.userAssignedIdentities ?? {}), [C]);
  });

  it('creates: 201, read and deleted again', async () => {
    await azure.seed([{ id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`, location: 'eastus' }]);

    await compute.virtualMachines.createOrUpdate('rg-app', 'vm', { location: 'East US' });
    assert.equal((await read()).location, 'eastus');
    await compute.virtualMachines.delete('rg-app', 'vm');

    await assert.rejects(read(), refusedWith('ResourceNotFound', 404));
  });
});

describe('lists of VMs', () => {
  it('have the group in upper case for a subscription, and as created for a group', async () => {
    await azure.seed([
      vmIn(SUBSCRIPTION, 'vm', { group: 'Rg-App' }),
      vmIn(SUBSCRIPTION, 'other', { group: 'rg2' }),
    ]);
    const idsOf = async (list: AsyncIterable<{ id?: string }>) =>
      (await Array.fromAsync(list)).map(({ id }) => id?.split('/')[4]);

    assert.deepEqual(await idsOf(compute.virtualMachines.listAll()), ['RG-APP', 'RG2']);
    assert.deepEqual(await idsOf(compute.virtualMachines.list('rg-app')), ['Rg-App']);
  });
});

describe('identities', () => {
  it('are created once and keep their ids, with lower-case resourcegroups', async () => {
    await resources.resourceGroups.createOrUpdate('Rg-New', { location: 'East US' });

    const first = await identities.userAssignedIdentities.createOrUpdate('Rg-New', 'id', {
      location: 'eastus',
    });
    const second = await identities.userAssignedIdentities.createOrUpdate('rg-new', 'id', {
      location: 'eastus',
    });

    assert.equal(
      first.id,
      `/subscriptions/${SUBSCRIPTION}/resourcegroups/Rg-New/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id`,
    );
    assert.equal(second.principalId, first.principalId);
  });

  it('lose their tags by a PUT without any', async () => {
    await resources.resourceGroups.createOrUpdate('rg-new', { location: 'eastus' });
    const put = (tags?: Record<string, string>) =>
      identities.userAssignedIdentities.createOrUpdate('rg-new', 'id', {
        location: 'eastus',
        ...(tags && { tags }),
      });
    await put({ owner: 'me' });

    assert.deepEqual((await put()).tags, {});
  });

  it('cannot be made in a group that does not exist', async () => {
    await assert.rejects(
      identities.userAssignedIdentities.createOrUpdate('nope', 'id', { location: 'eastus' }),
      refusedWith('ResourceGroupNotFound', 404),
    );
  });
});

describe('locks', () => {
  const vmId = vmIn(SUBSCRIPTION, 'vm').id;
  beforeEach(() => azure.seed([vmIn(SUBSCRIPTION, 'vm')]));

  it('ReadOnly on the group refuses writes below it, with Azure’s words', async () => {
    await locks.managementLocks.createOrUpdateAtResourceGroupLevel('rg-app', 'freeze', { level: 'ReadOnly' });

    await assert.rejects(update({ type: 'SystemAssigned' }), (error: Error) => {
      assert.match(
        error.message,
        /cannot perform write operation because following scope\(s\) are locked: '.*rg-app'/,
      );
      return refusedWith('ScopeLocked', 409)(error);
    });
  });

  it('CanNotDelete refuses deletes of the resource and of its group, and nothing else', async () => {
    await locks.managementLocks.createOrUpdateByScope(vmId, 'keep', { level: 'CanNotDelete', notes: 'n' });

    await update({ type: 'SystemAssigned' });
    await assert.rejects(compute.virtualMachines.delete('rg-app', 'vm'), refusedWith('ScopeLocked', 409));
    await assert.rejects(resources.resourceGroups.delete('rg-app'), refusedWith('ScopeLocked', 409));
  });

  it('are listed at a resource with those inherited, and at a group and a subscription with those below only', async () => {
    await locks.managementLocks.createOrUpdateAtSubscriptionLevel('all', { level: 'CanNotDelete' });
    await locks.managementLocks.createOrUpdateAtResourceGroupLevel('rg-app', 'group', {
      level: 'CanNotDelete',
    });
    await locks.managementLocks.createOrUpdateByScope(vmId, 'own', { level: 'CanNotDelete' });
    const names = async (list: AsyncIterable<{ name?: string }>) =>
      (await Array.fromAsync(list)).map(({ name }) => name).sort();

    assert.deepEqual(
      await names(
        locks.managementLocks.listAtResourceLevel('rg-app', 'Microsoft.Compute', '', 'virtualMachines', 'vm'),
      ),
      ['all', 'group', 'own'],
    );
    assert.deepEqual(await names(locks.managementLocks.listAtResourceGroupLevel('rg-app')), ['group', 'own']);
    assert.deepEqual(await names(locks.managementLocks.listAtSubscriptionLevel()), ['all', 'group', 'own']);
  });

  it('are listed with no filter', async () => {
    const list = locks.managementLocks.listAtResourceGroupLevel('rg-app', { filter: 'atScope()' });

    await assert.rejects(Array.fromAsync(list), refusedWith('BadRequest', 400));
  });

  it('are 20 at one scope at most', async () => {
    const put = (name: string) =>
      locks.managementLocks.createOrUpdateAtResourceGroupLevel('rg-app', name, { level: 'CanNotDelete' });
    for (let number = 0; number < 20; number++) await put(`lock-${number}`);

    await assert.rejects(put('lock-20'), refusedWith('LockLimitExceeded', 409));
    await put('lock-19');
    await locks.managementLocks.createOrUpdateByScope(vmId, 'elsewhere', { level: 'CanNotDelete' });
  });
});

describe('tags', () => {
  const several = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, number) => [`tag-${number}`, 'x']));
  const one = (name: number, value: number) => ({ ['n'.repeat(name)]: 'v'.repeat(value) });
  const writes: Record<string, (tags: Record<string, string>) => Promise<unknown>> = {
    'a group': (tags) => resources.resourceGroups.createOrUpdate('rg-new', { location: 'eastus', tags }),
    'an identity': (tags) =>
      identities.userAssignedIdentities.createOrUpdate('rg-ids', 'a', { location: 'eastus', tags }),
    'a VM': (tags) => compute.virtualMachines.update('rg-app', 'vm', { tags }).submitted(),
  };
  for (const [what, write] of Object.entries(writes)) {
    it(`of ${what} are refused when they are too many or too long`, async () => {
      await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

      await write(several(50));
      await write(one(512, 256));
      await assert.rejects(write(several(51)), refusedWith('InvalidTags', 400));
      await assert.rejects(write(one(513, 1)), refusedWith('InvalidTagName', 400));
      await assert.rejects(write(one(1, 257)), refusedWith('InvalidTagValueLength', 400));
    });
  }
});

describe('access', () => {
  const grant = (scope: string, guid: string) => ({
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${guid}`,
    properties: {
      principalId: remediator.objectId,
      roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${guid}`,
    },
  });
  const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
  const VM_CONTRIBUTOR = '9980e02c-c2be-4d73-94e8-173b1dc7cf3c';
  const root = `/subscriptions/${SUBSCRIPTION}`;

  it('without write: AuthorizationFailed names action and scope', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm'), grant(root, READER)]);

    await assert.rejects(update({ type: 'SystemAssigned' }), (error: Error) => {
      assert.match(
        error.message,
        /does not have authorization to perform action 'Microsoft.Compute\/virtualMachines\/write' over scope '.*\/vm' or the scope is invalid/,
      );
      return refusedWith('AuthorizationFailed', 403)(error);
    });
  });

  it('without assign/action on the identity: LinkedAuthorizationFailed', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm'), grant(root, VM_CONTRIBUTOR)]);

    await assert.rejects(
      update({ type: 'UserAssigned', userAssignedIdentities: map(A) }),
      refusedWith('LinkedAuthorizationFailed', 403),
    );
  });

  it('a deny assignment beats every role', async () => {
    const deny = {
      id: `${root}/resourceGroups/rg-app/providers/Microsoft.Authorization/denyAssignments/d`,
      properties: {
        denyAssignmentName: 'System deny assignment created by Azure Databricks',
        permissions: [{ actions: ['*'], notActions: ['*/read'] }],
        principals: [{ id: '00000000-0000-0000-0000-000000000000' }],
      },
    };
    await azure.seed([vmIn(SUBSCRIPTION, 'vm'), deny]);

    await assert.rejects(
      update({ type: 'SystemAssigned' }),
      refusedWith('DenyAssignmentAuthorizationFailed', 403),
    );
    await read();
  });
});

describe('what is not known is refused loudly:', () => {
  async function call(path: string, init: RequestInit = {}) {
    const { access_token } = await token();
    const response = await fetch(azure.armEndpoint + path, {
      ...init,
      headers: { authorization: `Bearer ${access_token}` },
    });
    return {
      status: response.status,
      code: ((await response.json()) as { error: { code: string } }).error.code,
    };
  }
  async function token() {
    const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01`;
    const response = await fetch(url, { headers: { 'x-identity-header': azure.identityHeader } });
    return (await response.json()) as { access_token: string };
  }
  const sub = `/subscriptions/${SUBSCRIPTION}`;
  const cases: [string, string, RequestInit, number, string][] = [
    [
      'a route',
      `${sub}/providers/Microsoft.Network/virtualNetworks?api-version=2024-01-01`,
      {},
      501,
      'NotImplemented',
    ],
    [
      'a method',
      `${sub}/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01`,
      { method: 'PATCH' },
      501,
      'NotImplemented',
    ],
    ['no api-version', `${sub}/resourceGroups`, {}, 400, 'MissingApiVersionParameter'],
    [
      'an api-version that is none',
      `${sub}/resourceGroups?api-version=latest`,
      {},
      400,
      'InvalidApiVersionParameter',
    ],
    [
      'a subscription',
      `/subscriptions/${OTHER_SUBSCRIPTION}/resourceGroups?api-version=2021-04-01`,
      {},
      404,
      'SubscriptionNotFound',
    ],
    [
      'a body that is no JSON',
      `${sub}/resourceGroups/x?api-version=2021-04-01`,
      { method: 'PUT', body: '{' },
      400,
      'InvalidRequestContent',
    ],
    [
      'a region',
      `${sub}/resourceGroups/x?api-version=2021-04-01`,
      { method: 'PUT', body: '{"location":"moon"}' },
      400,
      'LocationNotAvailableForResourceGroup',
    ],
    ['broken percent-encoding', `${sub}/resourceGroups/%zz?api-version=2021-04-01`, {}, 400, 'BadRequest'],
  ];
  for (const [name, path, init, status, code] of cases) {
    it(`${name}: ${status} ${code}`, async () => {
      assert.deepEqual(await call(path, init), { status, code });
    });
  }

  it('a region, with a list of those there are', async () => {
    await assert.rejects(
      resources.resourceGroups.createOrUpdate('x', { location: 'moon' }),
      (error: Error) => {
        for (const location of locations) assert.match(error.message, new RegExp(`\\b${location}\\b`));
        return true;
      },
    );
  });

  it('identity values that a read had filled in, which the SDK would not send', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    const identity = { type: 'UserAssigned', userAssignedIdentities: { [A]: { clientId: 'x' } } };

    const answer = await call(`${vmIn(SUBSCRIPTION, 'vm').id}?api-version=2024-07-01`, {
      method: 'PATCH',
      body: JSON.stringify({ identity }),
    });

    assert.deepEqual(answer, { status: 400, code: 'InvalidIdentityValues' });
  });

  it('no token, or a token of somebody else’s making: 401', async () => {
    const codeOf = async (authorization?: string) => {
      const response = await fetch(`${azure.armEndpoint}${sub}?api-version=2021-01-01`, {
        headers: authorization ? { authorization } : {},
      });
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer authorization_uri=/);
      return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
    };

    assert.deepEqual(await codeOf(), [401, 'AuthenticationFailed']);
    assert.deepEqual(await codeOf('Bearer a.b.c'), [401, 'InvalidAuthenticationToken']);
  });

  it('the identity endpoint without its header, or with an unknown client id', async () => {
    const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01`;

    assert.equal((await fetch(url)).status, 401);
    assert.equal(
      (
        await fetch(`${url}&client_id=${SUBSCRIPTION}`, {
          headers: { 'x-identity-header': azure.identityHeader },
        })
      ).status,
      400,
    );
  });
});
