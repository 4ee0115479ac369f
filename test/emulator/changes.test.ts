import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import { ManagedIdentityCredential } from '@azure/identity';
import { remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure, vmIn } from '../azure.ts';
import { otherIdentity, SUBSCRIPTION } from '../builders.ts';

let azure: Azure;
let compute: ComputeManagementClient;
let graph: ResourceGraphClient;
before(async () => {
  azure = await anAzure();
  const credential = new ManagedIdentityCredential({ clientId: remediator.clientId });
  const options = { endpoint: azure.armEndpoint };
  compute = new ComputeManagementClient(credential, SUBSCRIPTION, options);
  graph = new ResourceGraphClient(credential, options);
  await azure.seed([vmIn(SUBSCRIPTION, 'vm'), { id: otherIdentity(), location: 'eastus' }]);
});
after(() => azure.close());

interface Change {
  readonly changes: Record<string, { previousValue: string; newValue: string }>;
  readonly changeAttributes: Record<string, unknown>;
}

const rows = async (query: string) =>
  (await graph.resources({ query, options: { resultFormat: 'objectArray' } })).data as Record<
    string,
    never
  >[];

it('resourcechanges tells who changed what of a VM, path by path', async () => {
  const update = (identity: object) =>
    compute.virtualMachines.update('rg-app', 'vm', { identity } as never).submitted();
  await update({ type: 'UserAssigned', userAssignedIdentities: { [otherIdentity()]: {} } });
  await update({ type: 'None' });
  await update({ type: 'None' });

  const changes = await rows('resourcechanges | project id, resourceGroup, subscriptionId, properties');

  assert.equal(changes.length, 2, 'a write that changes nothing is no change');
  const [added, removed] = changes.map(({ properties }) => properties as unknown as Change);
  assert.ok(added && removed);
  const path = `identity.userAssignedIdentities.${otherIdentity()}.principalId`;
  assert.deepEqual(added.changes['identity.type'], { previousValue: 'null', newValue: 'UserAssigned' });
  assert.equal(added.changes[path]?.previousValue, 'null');
  assert.equal(removed.changes[path]?.newValue, 'null');
  const { timestamp, correlationId, ...attributes } = removed.changeAttributes;
  assert.deepEqual(attributes, {
    changedByType: 'Application',
    changesCount: 3,
    clientType: 'Unknown',
    changedBy: remediator.clientId,
    operation: 'microsoft.compute/virtualmachines/write',
  });
  assert.match(String(timestamp), /^20\d\d-.*\+00:00$/);
});

it('resourcechanges answers the queries of its documentation', async () => {
  assert.ok(
    (
      await rows(`resourcechanges
| extend changeTime = todatetime(properties.changeAttributes.timestamp), targetResourceId = tostring(properties.targetResourceId),
changeType = tostring(properties.changeType), correlationId = properties.changeAttributes.correlationId,
changedProperties = properties.changes, changeCount = properties.changeAttributes.changesCount
| where changeTime > ago(1d)
| order by changeTime desc
| project changeTime, targetResourceId, changeType, correlationId, changeCount, changedProperties`)
    ).length >= 2,
  );
  const [first] = await rows(`resourcechanges
| extend changeTime = todatetime(properties.changeAttributes.timestamp), changeType = tostring(properties.changeType),
  changedBy = tostring(properties.changeAttributes.changedBy), clientType = tostring(properties.changeAttributes.clientType)
| where changeTime > ago(7d)
| project changeType, changedBy, clientType
| summarize count() by changedBy, changeType, clientType
| order by count_ desc`);
  assert.deepEqual(first, {
    changedBy: remediator.clientId,
    changeType: 'Update',
    clientType: 'Unknown',
    count_: 2,
  });
});

it('resourcechanges has nothing of a deletion', async () => {
  await compute.virtualMachines.createOrUpdate('rg-app', 'short-lived', { location: 'eastus' }).submitted();
  await compute.virtualMachines.delete('rg-app', 'short-lived').submitted();

  const changes = await rows(`resourcechanges
| where tostring(properties.targetResourceId) contains 'short-lived'
| project id, changeType = tostring(properties.changeType)`);

  assert.deepEqual(
    changes.map(({ changeType }) => changeType),
    ['Create'],
  );
});
