import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { guidOf, remediator, TENANT_ID } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { type AnyEvent, armClient, aWebhook, control, subscribe, until, type Webhook } from './webhook.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
const WRITE = 'Microsoft.Resources.ResourceWriteSuccess';
const DELETE = 'Microsoft.Resources.ResourceDeleteSuccess';

let azure: Azure;
let arm: Awaited<ReturnType<typeof armClient>>;
let webhook: Webhook;
before(async () => {
  azure = await anAzure({ fleet: [vmIn(SUBSCRIPTION, 'old'), vmIn(OTHER_SUBSCRIPTION, 'other')] });
  arm = await armClient(azure);
});
after(() => azure.close());
beforeEach(async () => {
  webhook = await aWebhook();
});
afterEach(async () => {
  await control(azure, 'POST', '/reset');
  await webhook.close();
});

const idOf = (name: string) => vmIn(SUBSCRIPTION, name).id;
/** Tags a group, which raises an event at once, and waits for it: what was to come before it has come. */
async function eventsBeforeMarker(): Promise<AnyEvent[]> {
  await arm('PATCH', GROUP, { tags: { marker: 'x' } });
  const isMarker = ({ subject }: AnyEvent) => subject === GROUP.replace('resourceGroups', 'resourcegroups');
  await until(() => webhook.events().some(isMarker));
  return webhook.events().filter((event) => !isMarker(event));
}
async function firstEvent(): Promise<AnyEvent> {
  await until(() => webhook.received.length > 0);
  return webhook.events()[0] as AnyEvent;
}

describe('an event of a VM', () => {
  it('tells of a creation in the shape Azure uses', async () => {
    await subscribe(azure, webhook);
    await arm('PUT', idOf('new'), { location: 'eastus' }, { 'x-ms-correlation-request-id': 'correlated' });

    const event = await firstEvent();
    assert.deepEqual(Object.keys(event).sort(), [
      'data',
      'dataVersion',
      'eventTime',
      'eventType',
      'id',
      'metadataVersion',
      'subject',
      'topic',
    ]);
    const subject = idOf('new').replace('resourceGroups', 'resourcegroups');
    const { data, id, eventTime, ...envelope } = event;
    assert.deepEqual(envelope, {
      subject,
      eventType: WRITE,
      dataVersion: '2',
      metadataVersion: '1',
      topic: `/subscriptions/${SUBSCRIPTION}`,
    });
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.match(eventTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    const { claims, authorization, ...rest } = data;
    assert.deepEqual(rest, {
      correlationId: 'correlated',
      resourceProvider: 'Microsoft.Compute',
      resourceUri: subject,
      operationName: 'Microsoft.Compute/virtualMachines/write',
      status: 'Succeeded',
      subscriptionId: SUBSCRIPTION,
      tenantId: TENANT_ID,
    });
    assert.deepEqual(authorization, {
      scope: subject,
      action: 'Microsoft.Compute/virtualMachines/write',
      evidence: {
        role: 'Owner',
        roleAssignmentScope: '/',
        roleAssignmentId: guidOf(`owner ${remediator.objectId}`).replaceAll('-', ''),
        roleDefinitionId: '8e3af657a8ff443ca75c2fe8c4bcb635',
        principalId: remediator.objectId.replaceAll('-', ''),
        principalType: 'ServicePrincipal',
      },
    });
    const { appid, aud, ...others } = claims as Record<string, string>;
    assert.deepEqual([appid, aud], [remediator.clientId, 'arm']);
    assert.equal(
      others['http://schemas.microsoft.com/identity/claims/objectidentifier'],
      remediator.objectId,
    );
    assert.ok(Object.values(others).every((value) => typeof value === 'string'));
  });

  it('carries httpRequest when the resource was there before, and else not', async () => {
    await subscribe(azure, webhook);
    const headers = { 'x-ms-client-request-id': 'mine' };
    await arm('PUT', idOf('new'), { location: 'eastus' }, headers);
    await arm('PUT', idOf('new'), { location: 'eastus' }, headers);
    await arm('PATCH', idOf('new'), { tags: {} }, headers);
    await arm('DELETE', idOf('new'), undefined, headers);

    await until(() => webhook.events().length === 4);
    const requests = webhook
      .events()
      .map(({ data }) => data.httpRequest as Record<string, string> | undefined);
    assert.deepEqual(requests.map((request) => request?.method).sort(), [
      'DELETE',
      'PATCH',
      'PUT',
      undefined,
    ]);
    const patch = requests.find((request) => request?.method === 'PATCH');
    assert.deepEqual(patch, {
      clientRequestId: 'mine',
      clientIpAddress: '127.0.0.1',
      method: 'PATCH',
      url: `${azure.armEndpoint}${idOf('new')}?api-version=2024-07-01`,
    });
  });

  it('comes when the operation is over, not when it is accepted', async () => {
    const slow = await anAzure({ operationScale: 1, speed: 200, fleet: [vmIn(SUBSCRIPTION, 'old')] });
    const states: (string | undefined)[] = [];
    const watching = await aWebhook(() => {
      states.push(slow.store.get(idOf('new'))?.operation?.kind);
      return { status: 200 };
    });
    try {
      await subscribe(slow, watching);
      const startedAt = Date.now();
      const put = await armClient(slow);
      await put('PUT', idOf('new'), { location: 'eastus' });
      assert.equal(slow.store.get(idOf('new'))?.operation?.kind, 'Creating');

      await until(() => watching.received.length === 1);
      assert.deepEqual(states, [undefined]);
      const [event] = watching.events();
      // A creation takes 7 s at least (wire-behaviour 1.3).
      assert.ok(Date.parse(event?.eventTime ?? '') >= startedAt + 7000);
    } finally {
      await slow.close();
      await watching.close();
    }
  });

  it('tells of a write that failed in the end as of a failure, which is another type of event', async () => {
    const fail = async () => {
      const operationError = { code: 'InternalExecutionError', message: 'm' };
      azure.faults.add({
        method: 'PATCH',
        path: '/old$',
        times: 1,
        headers: {},
        latencyMs: 0,
        operationError,
      });
      await arm('PATCH', idOf('old'), { tags: {} });
    };
    await subscribe(azure, webhook);
    await fail();

    const { eventType, data } = await firstEvent();
    assert.deepEqual([eventType, data.status], ['Microsoft.Resources.ResourceWriteFailure', 'Failed']);
    webhook.received.length = 0;
    await subscribe(azure, webhook, { filter: { includedEventTypes: [WRITE] } });
    await fail();
    assert.deepEqual(await eventsBeforeMarker(), []);
  });

  it('tells of a deletion, with the segment as it was created', async () => {
    await subscribe(azure, webhook);
    await arm('DELETE', idOf('old'));

    const { subject, eventType, data } = await firstEvent();
    assert.deepEqual([subject, eventType], [idOf('old'), DELETE]);
    assert.equal(data.operationName, 'Microsoft.Compute/virtualMachines/delete');
  });
});

describe('events are raised for', () => {
  it('every write through Resource Manager: identities, groups and locks too', async () => {
    await subscribe(azure, webhook);
    const identity = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u`;
    const lock = `${identity}/providers/Microsoft.Authorization/locks/l`;
    const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-new`;
    await arm('PUT', group, { location: 'eastus' });
    await arm('PUT', identity, { location: 'eastus' });
    await arm('PUT', lock, { properties: { level: 'CanNotDelete' } });
    await arm('DELETE', lock);
    await arm('DELETE', identity);

    await until(() => webhook.events().length === 5);
    assert.deepEqual(
      webhook
        .events()
        .map(({ data }) => data.operationName)
        .sort(),
      [
        'Microsoft.Authorization/locks/delete',
        'Microsoft.Authorization/locks/write',
        'Microsoft.ManagedIdentity/userAssignedIdentities/delete',
        'Microsoft.ManagedIdentity/userAssignedIdentities/write',
        'Microsoft.Resources/subscriptions/resourceGroups/write',
      ],
    );
  });

  it('every resource of a group that is deleted, and the group', async () => {
    await subscribe(azure, webhook);
    await arm('DELETE', GROUP);

    await until(() => webhook.events().length === 2);
    assert.deepEqual(
      webhook
        .events()
        .map(({ subject, eventType }) => [subject, eventType])
        .sort(),
      [
        [GROUP, DELETE],
        [idOf('old'), DELETE],
      ],
    );
  });

  it('nothing that is seeded, read or refused', async () => {
    await subscribe(azure, webhook);
    await control(azure, 'POST', '/resources', vmIn(SUBSCRIPTION, 'seeded'));
    await azure.seed([vmIn(SUBSCRIPTION, 'seeded-too')]);
    await arm('GET', idOf('old'));
    await assert.rejects(arm('PATCH', idOf('old'), { identity: { type: 'UserAssigned' } }));
    await assert.rejects(arm('PATCH', idOf('missing'), { tags: {} }));

    assert.deepEqual(await eventsBeforeMarker(), []);
  });
});

describe('an event subscription', () => {
  it('with a scope gets the events of that Azure subscription only', async () => {
    await subscribe(azure, webhook, { scope: `/subscriptions/${SUBSCRIPTION.toUpperCase()}` });
    await arm('PATCH', vmIn(OTHER_SUBSCRIPTION, 'other').id, { tags: {} });
    await arm('PATCH', idOf('old'), { tags: {} });

    assert.deepEqual(
      (await eventsBeforeMarker()).map(({ data }) => data.subscriptionId),
      [SUBSCRIPTION],
    );
  });

  it('with the filter our templates use gets VM writes of others only', async () => {
    await subscribe(azure, webhook, {
      filter: {
        includedEventTypes: [WRITE],
        advancedFilters: [
          {
            operatorType: 'StringIn',
            key: 'data.operationName',
            values: [
              'Microsoft.Compute/virtualMachines/write',
              'Microsoft.Resources/subscriptions/resourceGroups/write',
            ],
          },
          { operatorType: 'StringNotIn', key: 'data.claims.appid', values: ['somebody-else'] },
        ],
      },
    });
    await control(azure, 'POST', '/eventSubscriptions', {
      name: 'not-ours',
      endpoint: webhook.url,
      filter: {
        advancedFilters: [
          {
            operatorType: 'StringNotIn',
            key: 'data.claims.appid',
            values: [remediator.clientId.toUpperCase()],
          },
        ],
      },
    });
    await arm('PUT', `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u`, {
      location: 'eastus',
    });
    await arm('PATCH', idOf('old'), { tags: {} });
    await arm('DELETE', idOf('old'));

    assert.deepEqual(
      (await eventsBeforeMarker()).map(({ data }) => data.operationName),
      ['Microsoft.Compute/virtualMachines/write'],
    );
    assert.ok(webhook.received.every(({ headers }) => headers['aeg-subscription-name'] === 'UPDATES'));
  });

  it('gets events with the headers of its delivery schema', async () => {
    const headersOf = async (): Promise<Record<string, unknown>> => {
      await firstEvent();
      const { headers } = webhook.received[0] ?? {};
      return Object.fromEntries(
        Object.entries(headers ?? {}).filter(([name]) => /^aeg-|^content-type$|^origin$/.test(name)),
      );
    };
    const shared = {
      'aeg-event-type': 'Notification',
      'aeg-subscription-name': 'UPDATES',
      'aeg-delivery-count': '0',
      'aeg-metadata-version': '1',
    };
    await subscribe(azure, webhook);
    await arm('PATCH', idOf('old'), { tags: {} });
    assert.deepEqual(await headersOf(), {
      ...shared,
      'content-type': 'application/json; charset=utf-8',
      'aeg-data-version': '2',
    });
    assert.ok(Array.isArray(webhook.received[0]?.body));

    await control(azure, 'POST', '/reset');
    webhook.received.length = 0;
    await subscribe(azure, webhook, { eventDeliverySchema: 'CloudEventSchemaV1_0' });
    await arm('PATCH', idOf('old'), { tags: {} });
    assert.deepEqual(await headersOf(), {
      ...shared,
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'aeg-data-version': '',
      origin: 'eventgrid.azure.net',
    });
    const { data, id, time, ...envelope } = (await firstEvent()) as unknown as Record<string, unknown>;
    assert.deepEqual(envelope, {
      specversion: '1.0',
      source: `/subscriptions/${SUBSCRIPTION}`,
      subject: idOf('old').replace('resourceGroups', 'resourcegroups'),
      type: WRITE,
    });
    assert.equal((data as AnyEvent['data']).status, 'Succeeded');
  });

  it('gets nothing more once it is deleted, or all of them are', async () => {
    for (const path of ['/eventSubscriptions/UPDATES', '/eventSubscriptions']) {
      await subscribe(azure, webhook);
      assert.equal((await control(azure, 'DELETE', path)).status, 204);
      assert.deepEqual((await control(azure, 'GET', '/eventSubscriptions')).body, []);
    }
    await arm('PATCH', idOf('old'), { tags: {} });

    await subscribe(azure, webhook);
    assert.deepEqual(await eventsBeforeMarker(), []);
  });
});
