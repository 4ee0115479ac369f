import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { remediator, TENANT_ID } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { identityId } from '../../emulator/fleet/shapes.ts';
import { anAzure, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { customRole, grant } from '../role.ts';

const VM_READ = 'Microsoft.Compute/virtualMachines/read';
const VM_WRITE = 'Microsoft.Compute/virtualMachines/write';
const ASSIGN = 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action';
const NOTHING = 'Microsoft.Support/operations/read';
const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
const root = `/subscriptions/${SUBSCRIPTION}`;
const other = `/subscriptions/${OTHER_SUBSCRIPTION}`;
const group = `${root}/resourceGroups/rg-app`;
const vm = vmIn(SUBSCRIPTION, 'vm');
const parent = '/providers/Microsoft.Management/managementGroups/parent';
const child = '/providers/Microsoft.Management/managementGroups/child';
const hierarchy = [
  { id: parent },
  { id: child, properties: { details: { parent: { id: parent } } } },
  {
    id: `${child}/subscriptions/${SUBSCRIPTION}`,
    type: 'Microsoft.Management/managementGroups/subscriptions',
  },
];

let azure: Azure;
let token: string;
before(async () => {
  azure = await anAzure();
  const response = await fetch(
    `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01&client_id=${remediator.clientId}`,
    { headers: { 'x-identity-header': azure.identityHeader } },
  );
  token = ((await response.json()) as { access_token: string }).access_token;
});
after(() => azure.close());
beforeEach(async () => {
  azure.store.clear();
  azure.faults.clear();
  await azure.seed([vm, ...hierarchy]);
});

/** What any of the answers may have. */
interface Body {
  readonly error: { code: string; message: string; details: { target: string }[] };
  readonly value: { name?: string; subscriptionId?: string; properties: { scope: string } }[];
  readonly data: { name: string }[];
  readonly properties: { provisioningState: string };
  readonly identity?: unknown;
  readonly status: string;
  readonly namespace: string;
  readonly registrationState: string;
  readonly resourceTypes: { resourceType: string }[];
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

async function call(path: string, method = 'GET', body?: unknown): Promise<Answer> {
  const version = path.includes('api-version=')
    ? ''
    : `${path.includes('?') ? '&' : '?'}api-version=2022-04-01`;
  const response = await fetch(`${azure.armEndpoint}${path}${version}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(text) as Body,
  };
}

const patch = (identity: string, id = vm.id) =>
  call(`${id}?api-version=2024-07-01`, 'PATCH', {
    identity: { type: 'UserAssigned', userAssignedIdentities: { [identity]: {} } },
  });
const graph = (query: string, scope: Record<string, string[]> = {}) =>
  call('/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', 'POST', { query, ...scope });
const names = ({ body }: Answer): string[] => body.data.map(({ name }) => name).sort();
const may = async (role: unknown[], id = vm.id) => {
  await azure.seed(role);
  return (await call(`${id}?api-version=2024-07-01`)).status;
};

describe('a role assignment', () => {
  for (const [where, scope] of [
    ['the tenant root', `/providers/Microsoft.Management/managementGroups/${TENANT_ID}`],
    ['a management group above the one of the subscription', parent],
    ['the subscription', root],
    ['the group, in any letter case', group.toUpperCase()],
    ['the resource itself', vm.id],
  ]) {
    it(`counts on everything below ${where}`, async () => {
      assert.equal(await may(grant(String(scope), customRole([VM_READ]))), 200);
    });
  }

  for (const [where, scope] of [
    ['another subscription', other],
    ['another group whose name begins alike', `${root}/resourceGroups/rg-app2`],
    ['another VM', `${vm.id}2`],
  ]) {
    it(`counts for nothing outside ${where}`, async () => {
      assert.equal(await may(grant(String(scope), customRole([VM_READ]))), 403);
    });
  }

  it('of a management group below does not count above', async () => {
    await azure.seed([
      {
        id: `${parent}/subscriptions/${OTHER_SUBSCRIPTION}`,
        type: 'Microsoft.Management/managementGroups/subscriptions',
      },
      vmIn(OTHER_SUBSCRIPTION, 'vm'),
    ]);

    assert.equal(await may(grant(child, customRole([VM_READ])), vmIn(OTHER_SUBSCRIPTION, 'vm').id), 403);
  });

  it('takes notActions from its own permission only, not from the others of the role', async () => {
    const role = {
      ...customRole([]),
      properties: {
        permissions: [
          { actions: ['Microsoft.Compute/*'], notActions: [VM_READ] },
          { actions: ['Microsoft.Compute/virtualMachines/*'], notActions: [VM_WRITE] },
        ],
      },
    };

    assert.equal(await may(grant(root, role)), 200);
  });

  it('cannot be made outside the assignable scopes of its role, nor of a role that is not there', async () => {
    const role = customRole([VM_READ], [`${root}/resourceGroups/rg-app`]);

    await assert.rejects(azure.seed(grant(root, role)), /outside the assignable scopes/);
    await assert.rejects(azure.seed(grant(root, READER.replace('a', 'b'))), /role that does not exist/);
    await azure.seed(grant(group, role));
    assert.equal((await call(`${vm.id}?api-version=2024-07-01`)).status, 200);
  });

  it('can be below a management group that is an assignable scope', async () => {
    assert.equal(await may(grant(root, customRole([VM_READ], [parent]))), 200);
  });

  it('is refused by the control API, which says so', async () => {
    const lines = grant(root, customRole([VM_READ], [group])).map((one) => JSON.stringify(one));

    const response = await fetch(`${azure.controlEndpoint}/resources`, {
      method: 'POST',
      body: lines.join('\n'),
    });

    assert.equal(response.status, 400);
    assert.match(await response.text(), /outside the assignable scopes/);
  });

  it('is listed at a scope with those above and below, or by the filters of Azure', async () => {
    await azure.seed([
      ...grant(root, READER),
      ...grant(group, READER),
      ...grant(parent, READER),
      ...grant(other, READER),
      ...grant(root, READER, 'ffffffff-0000-4000-8000-000000000000'),
    ]);
    const list = async (filter: string) => {
      const answer = await call(
        `${root}/providers/Microsoft.Authorization/roleAssignments?$filter=${encodeURIComponent(filter)}`,
      );
      return answer.body.value.map(({ properties }) => properties.scope).sort();
    };

    assert.deepEqual(await list(`assignedTo('${remediator.objectId}')`), [
      parent.toLowerCase(),
      root,
      group.toLowerCase(),
    ]);
    assert.deepEqual(await list(`atScope() and assignedTo('${remediator.objectId.toUpperCase()}')`), [
      parent.toLowerCase(),
      root,
    ]);
    assert.equal((await list(`principalId eq 'ffffffff-0000-4000-8000-000000000000'`)).length, 1);
    assert.equal(
      (await call(`${root}/providers/Microsoft.Authorization/roleAssignments?$filter=x`)).status,
      400,
    );
  });
});

describe('AuthorizationFailed', () => {
  it('names a list by its provider, as Azure does', async () => {
    await azure.seed(grant(root, customRole([NOTHING])));

    const { body } = await call(`${vm.id}/providers/Microsoft.Authorization/locks?api-version=2016-09-01`);

    assert.match(
      body.error.message,
      /action 'Microsoft.Authorization\/locks\/read' over scope '.*\/vm\/providers\/Microsoft.Authorization' or/,
    );
  });

  it('answers who may not read a subscription', async () => {
    await azure.seed(grant(root, customRole([VM_READ])));

    const { status, body } = await call(root);

    assert.equal(status, 403);
    assert.match(
      body.error.message,
      /'Microsoft.Resources\/subscriptions\/read' over scope '\/subscriptions\/1/,
    );
  });
});

describe('a deny assignment', () => {
  const deny = (scope: string, more: Record<string, unknown> = {}) => ({
    id: `${scope}/providers/Microsoft.Authorization/denyAssignments/d`,
    properties: {
      denyAssignmentName: 'lockdown',
      permissions: [{ actions: ['*'], notActions: [] }],
      principals: [{ id: '00000000-0000-0000-0000-000000000000' }],
      ...more,
    },
  });

  it('names itself and its own scope', async () => {
    await azure.seed([deny(group)]);

    const { body } = await call(`${vm.id}?api-version=2024-07-01`);

    assert.match(
      body.error.message,
      /deny assignment with name 'lockdown' and Id 'd' at scope '\/subscriptions\/[^/]+\/resourcegroups\/rg-app'\.$/,
    );
  });

  it('spares whom it excludes, and what is below when it says so', async () => {
    await azure.seed([deny(group, { excludePrincipals: [{ id: remediator.objectId }] })]);
    assert.equal((await call(`${vm.id}?api-version=2024-07-01`)).status, 200);

    await azure.seed([deny(group, { doNotApplyToChildScopes: true })]);
    assert.equal((await call(`${vm.id}?api-version=2024-07-01`)).status, 200);
    assert.equal((await call(`${group}?api-version=2021-04-01`)).status, 403);
  });

  it('hides from Resource Graph what it forbids to read', async () => {
    await azure.seed([deny(group), vmIn(SUBSCRIPTION, 'free', { group: 'rg-free' })]);

    assert.deepEqual(names(await graph('resources')), ['free']);
  });
});

describe('assigning an identity of another subscription', () => {
  const identity = identityId({ subscriptionId: OTHER_SUBSCRIPTION }, 'rg-ids', 'central');
  beforeEach(() =>
    azure.seed([
      { id: identity, location: 'eastus' },
      ...grant(root, customRole([VM_READ, VM_WRITE, ASSIGN])),
    ]),
  );

  it('needs the right on that identity: LinkedAuthorizationFailed names it as it was sent', async () => {
    const { status, body } = await patch(identity.toUpperCase());

    assert.equal(status, 403);
    assert.equal(body.error.code, 'LinkedAuthorizationFailed');
    assert.ok(body.error.message.includes(`'${ASSIGN}' on the linked scope(s) '${identity.toUpperCase()}'`));
  });

  it('is enough with the right on that one identity', async () => {
    await azure.seed(grant(identity, customRole([ASSIGN], undefined, 'assign-one')));

    assert.equal((await patch(identity)).status, 200);
  });
});

describe('what the caller may read', () => {
  const elsewhere = vmIn(OTHER_SUBSCRIPTION, 'elsewhere');
  const more = [vmIn(SUBSCRIPTION, 'second'), vmIn(SUBSCRIPTION, 'third', { group: 'rg-other' }), elsewhere];
  beforeEach(() => azure.seed(more));

  it('is all Resource Graph shows: by subscription, by group, by resource, the rest left out silently', async () => {
    await azure.seed(grant(root, customRole([VM_READ])));
    assert.deepEqual(names(await graph('resources')), ['second', 'third', 'vm']);
    azure.store.clear();
    await azure.seed([vm, ...more, ...grant(group, customRole([VM_READ]))]);
    assert.deepEqual(names(await graph('resources')), ['second', 'vm']);
    await azure.seed(grant(elsewhere.id, customRole([VM_READ], undefined, 'one')));

    const answer = await graph('resources', { subscriptions: [SUBSCRIPTION, OTHER_SUBSCRIPTION] });

    assert.deepEqual([answer.status, names(answer)], [200, ['elsewhere', 'second', 'vm']]);
  });

  it('goes by the type: groups and subscriptions are rows of their own', async () => {
    await azure.seed(
      grant(root, customRole([VM_READ, 'Microsoft.Resources/subscriptions/resourceGroups/read'])),
    );

    assert.deepEqual(names(await graph('resourcecontainers')), ['rg-app', 'rg-other']);
  });

  it('decides whether Resource Graph answers at all', async () => {
    await azure.seed(grant(root, customRole([VM_READ])));

    assert.equal((await graph('resources', { subscriptions: [OTHER_SUBSCRIPTION] })).status, 403);
    assert.equal((await graph('resources', { managementGroups: ['child'] })).status, 200);
  });

  it('is what lists of subscriptions and management groups show; reading one needs the right', async () => {
    await azure.seed(grant(root, customRole([VM_READ])));
    const ids = ({ body }: Answer) => body.value.map(({ name, subscriptionId }) => name ?? subscriptionId);

    assert.deepEqual(ids(await call('/subscriptions')), [SUBSCRIPTION]);
    assert.deepEqual(ids(await call('/providers/Microsoft.Management/managementGroups')), []);
    assert.equal((await call(child)).status, 403);
    const mayRead = customRole(['Microsoft.Management/managementGroups/read'], undefined, 'mg');
    await azure.seed(grant(child, mayRead));
    assert.deepEqual(ids(await call('/providers/Microsoft.Management/managementGroups')), ['child']);
    assert.deepEqual([(await call(child)).status, (await call(parent)).status], [200, 403]);
  });

  it('of a management group is inherited by those below it', async () => {
    await azure.seed(grant(parent, customRole(['Microsoft.Management/managementGroups/read'])));

    assert.deepEqual([(await call(child)).status, (await call(parent)).status], [200, 200]);
    assert.equal((await call(`/providers/Microsoft.Management/managementGroups/${TENANT_ID}`)).status, 403);
  });
});

describe('the permissions list', () => {
  const permissionsAt = (scope: string, version = '2022-04-01') =>
    call(`${scope}/providers/Microsoft.Authorization/permissions?api-version=${version}`);

  it('has an entry for each role that applies, and needs a right itself', async () => {
    await azure.seed([...grant(parent, READER), ...grant(vm.id, customRole([VM_WRITE]))]);
    const entry = (action: string) => ({
      actions: [action],
      notActions: [],
      dataActions: [],
      notDataActions: [],
    });

    assert.deepEqual((await permissionsAt(vm.id)).body, { value: [entry('*/read'), entry(VM_WRITE)] });
    assert.deepEqual((await permissionsAt(group)).body, { value: [entry('*/read')] });
    assert.deepEqual((await permissionsAt(group, '2015-07-01')).body, {
      value: [{ actions: ['*/read'], notActions: [] }],
    });
    azure.store.clear();
    await azure.seed([vm, ...grant(root, customRole([VM_READ]))]);
    assert.match(
      (await permissionsAt(group)).body.error.message,
      /'Microsoft.Authorization\/permissions\/read'/,
    );
  });

  it('of a group that does not exist has what is inherited; of a resource in it, there is none', async () => {
    await azure.seed(grant(root, READER));
    const gone = `${root}/resourceGroups/gone`;

    assert.equal((await permissionsAt(gone)).body.value.length, 1);
    assert.equal((await permissionsAt(`${gone}/providers/Microsoft.Compute/disks/d`)).status, 404);
  });
});

describe('a resource provider', () => {
  const provider = (namespace: string) => `${root}/providers/${namespace}`;
  const identity = identityId({ subscriptionId: SUBSCRIPTION }, 'rg-app', 'id');
  const make = (location = 'eastus') => call(`${identity}?api-version=2024-11-30`, 'PUT', { location });

  it('is registered everywhere, in any letter case, unless a fleet says otherwise', async () => {
    const { body } = await call(provider('microsoft.managedidentity'));

    assert.equal(body.registrationState, 'Registered');
    assert.equal(body.namespace, 'Microsoft.ManagedIdentity');
    assert.equal(body.resourceTypes[0]?.resourceType, 'userAssignedIdentities');
    assert.equal((await call(provider('Microsoft.Nonsense'))).body.error.code, 'InvalidResourceNamespace');
    assert.ok((await call(`${root}/providers`)).body.value.length > 5);
  });

  it('that is not registered takes no writes, until it is registered', async () => {
    await azure.seed([{ id: provider('Microsoft.ManagedIdentity'), registrationState: 'NotRegistered' }]);

    const refused = await make();

    assert.deepEqual([refused.status, refused.body.error.code], [409, 'MissingSubscriptionRegistration']);
    assert.equal(refused.body.error.details[0]?.target, 'Microsoft.ManagedIdentity');
    assert.equal(
      (await call(`${provider('Microsoft.ManagedIdentity')}/register`, 'POST')).body.registrationState,
      'Registering',
    );
    assert.equal((await call(provider('Microsoft.ManagedIdentity'))).body.registrationState, 'Registered');
    assert.equal((await make()).status, 201);
  });

  it('that does not offer a region there makes nothing new in it', async () => {
    const resourceTypes = [
      { resourceType: 'userAssignedIdentities', locations: ['East US 2'], apiVersions: [] },
    ];
    await azure.seed([{ id: provider('Microsoft.ManagedIdentity'), resourceTypes }]);

    const refused = await make();

    assert.deepEqual([refused.status, refused.body.error.code], [400, 'LocationNotAvailableForResourceType']);
    assert.equal((await make('eastus2')).status, 201);
  });

  it('needs a right to be read, and another to be registered', async () => {
    await azure.seed(grant(root, customRole(['Microsoft.Resources/subscriptions/providers/read'])));

    assert.equal((await call(provider('Microsoft.Compute'))).status, 200);
    const { body } = await call(`${provider('Microsoft.Compute')}/register`, 'POST');
    assert.match(
      body.error.message,
      /'Microsoft.Compute\/register\/action' over scope '\/subscriptions\/[^/]+' or/,
    );
  });
});

it('an operation can be made to fail: accepted, then Failed with the reason, nothing changed', async () => {
  const identity = identityId({ subscriptionId: SUBSCRIPTION }, 'rg-app', 'id');
  await azure.seed([{ id: identity, location: 'eastus' }]);
  const operationError = { code: 'InternalExecutionError', message: 'An internal execution error occurred.' };
  azure.faults.add({ method: 'PATCH', path: '/vm$', times: 1, headers: {}, latencyMs: 0, operationError });

  const accepted = await patch(identity);

  const operation = new URL(accepted.headers.get('azure-asyncoperation') ?? '');
  const { body } = await call(operation.pathname + operation.search);
  const after = (await call(`${vm.id}?api-version=2024-07-01`)).body;
  assert.deepEqual([accepted.status, accepted.body.properties.provisioningState], [200, 'Updating']);
  assert.deepEqual([body.status, body.error], ['Failed', operationError]);
  assert.deepEqual([after.properties.provisioningState, after.identity], ['Failed', undefined]);
});
