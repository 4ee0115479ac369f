import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import { remediator } from '../../emulator/arm/principals.ts';
import { expectedFunctions } from '../../scripts/checkBuild.ts';
import { queues } from '../../src/queues.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { anApp, anAzure, callsTo, VM_PATH } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { aWebhook } from '../emulator/webhook.ts';
import { until } from '../until.ts';
import { infraText } from './template.ts';

const { predictedResources } = JSON.parse(infraText('samples/events.snapshot.json')) as {
  predictedResources: {
    properties?: { filter?: unknown; destination?: { properties: { resourceId: string } } };
  }[];
};
const subscriptions = predictedResources.filter(({ properties }) => properties?.filter !== undefined);
const SAMPLE_CLIENT = '00000000-0000-4000-8000-00000000000b';

it('the template’s event filter delivers new VMs and drops our own writes', async (t) => {
  const azure = await anAzure();
  const webhook = await aWebhook();
  t.after(() => Promise.all([azure.close(), webhook.close()]));
  const filter = JSON.stringify(subscriptions[0]?.properties?.filter);
  assert.ok(filter.includes(SAMPLE_CLIENT), 'the sample has another client id');
  await azure.seed([{ id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`, location: 'eastus' }]);
  const registered = await fetch(`${azure.controlEndpoint}/eventSubscriptions`, {
    method: 'POST',
    body: JSON.stringify({
      name: 'template',
      endpoint: webhook.url,
      filter: JSON.parse(filter.replaceAll(SAMPLE_CLIENT, remediator.clientId)),
    }),
  });
  assert.equal(registered.status, 201, await registered.text());

  const somebody = new ComputeManagementClient(new ManagedIdentityCredential(), SUBSCRIPTION, {
    endpoint: azure.armEndpoint,
  });
  await somebody.virtualMachines.createOrUpdate('rg-app', 'vm-new', { location: 'eastus' }).submitted();
  await sweep(anApp(azure));
  // The last event that could come: what it proves is that the ones before it were dropped, not late.
  await somebody.virtualMachines.createOrUpdate('rg-app', 'vm-last', { location: 'eastus' }).submitted();
  await until('the last event is there', () =>
    webhook.events().some(({ subject }) => subject.endsWith('/vm-last')),
  );

  assert.equal(callsTo(azure, /PATCH/, VM_PATH), 1, 'the app wrote nothing: nothing could be dropped');
  assert.deepEqual(
    webhook.events().map(({ subject }) => subject.split('/').at(-1)),
    ['vm-new', 'vm-last'],
  );
});

it('queues and functions in the templates are the code’s', () => {
  const main = infraText('azuredeploy.json');
  for (const queue of Object.values(queues)) {
    assert.ok(main.includes(`'${queue}'`) || main.includes(`"${queue}"`), queue);
    assert.ok(main.includes(`${queue}-poison`), `${queue}-poison`);
  }
  assert.ok('vmWritten' in expectedFunctions);
  for (const { properties } of subscriptions) {
    assert.match(
      properties?.destination?.properties.resourceId ?? JSON.stringify(properties),
      /\/functions\/vmWritten/,
    );
  }
});
