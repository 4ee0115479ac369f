import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { remediator } from '../../emulator/arm/principals.ts';
import { anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { aWebhook, subscribe, until } from './webhook.ts';

const azure = await anAzure();
after(() => azure.close());
const vm = vmIn(SUBSCRIPTION, 'vm');
const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
await azure.seed([vm]);

/** What a call was answered, with the ids Azure gave to it. */
async function call(method: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01&client_id=${remediator.clientId}`;
  const signedIn = await fetch(url, { headers: { 'x-identity-header': azure.identityHeader } });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const response = await fetch(`${azure.armEndpoint}${path}?api-version=2024-04-01`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const answered = (await response.json()) as { data: { id: string }[]; error: { message: string } };
  const idOf = (name: string) => response.headers.get(`x-ms-${name}`) ?? assert.fail(`no ${name}`);
  return {
    ...{ status: response.status, body: answered },
    ...{ requestId: idOf('request-id'), correlationId: idOf('correlation-request-id') },
    operation: response.headers.get('azure-asyncoperation'),
  };
}

const query = (text: string) => call('POST', '/providers/Microsoft.ResourceGraph/resources', { query: text });
let tagged = 0;
const tag = (headers?: Record<string, string>) =>
  call('PATCH', vm.id, { tags: { tagged: String(++tagged) } }, headers);

describe('the correlation id of a request', () => {
  for (const [whose, chosen] of [
    ['made by Azure', undefined],
    ['chosen by the caller', randomUUID()],
  ] as const) {
    it(`${whose}, is in the answer, the change history and the event`, async () => {
      const webhook = await aWebhook();
      await subscribe(azure, webhook);

      const { correlationId } = await tag(chosen && { 'x-ms-correlation-request-id': chosen });
      await until(() => webhook.received.length > 0);
      await webhook.close();

      const { body } = await query(
        `resourcechanges | where tostring(properties.changeAttributes.correlationId) == '${correlationId}' | project id`,
      );
      assert.equal(correlationId, chosen ?? correlationId);
      assert.equal(body.data.length, 1);
      assert.equal(webhook.events()[0]?.data.correlationId, correlationId);
    });
  }

  it('is named by Resource Graph where it refuses a query', async () => {
    const { status, body, correlationId } = await query('resources | where');

    assert.equal(status, 400);
    assert.ok(body.error.message.endsWith(`correlationId = ${correlationId}.`), body.error.message);
  });

  it('is that of the request for groups and identities, and another for Compute and locks', async () => {
    const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id`;
    const lock = `${identity}/providers/Microsoft.Authorization/locks/l`;
    const sameFor = async (id: string, body: unknown) => {
      const { status, requestId, correlationId } = await call('PUT', id, body);
      assert.ok(status < 300);
      return requestId === correlationId;
    };

    assert.equal(await sameFor(group, { location: 'eastus' }), true);
    assert.equal(await sameFor(identity, { location: 'eastus' }), true);
    assert.equal(await sameFor(lock, { properties: { level: 'CanNotDelete' } }), false);
    const { requestId, correlationId, operation } = await tag();
    assert.notEqual(requestId, correlationId);
    assert.ok(operation?.includes(`/operations/${requestId}?`), 'the operation is named by the request');
  });
});
