import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployed } from './template.ts';

const TOPIC = 'Microsoft.EventGrid/systemTopics';
const SUBSCRIPTION = `${TOPIC}/eventSubscriptions`;
const CLIENT = '00000000-0000-4000-8000-00000000000b';
const subscriptions = deployed('events', SUBSCRIPTION).map(({ properties }) => properties);

describe('the events of each subscription', () => {
  it('come from a system topic of its own, or from the one that is there', () => {
    const topics = deployed('events', TOPIC);

    assert.deepEqual(
      topics.map(({ location, properties }) => [location, properties.source, properties.topicType]),
      [
        [
          'global',
          '/subscriptions/00000000-0000-4000-8000-000000000001',
          'Microsoft.Resources.Subscriptions',
        ],
      ],
    );
    assert.deepEqual(
      deployed('events', SUBSCRIPTION).map(({ id }) => id.split('/').slice(2, 9).join('/')),
      [
        '00000000-0000-4000-8000-000000000001/resourceGroups/rg-vm-identity-remediator-events/providers/Microsoft.EventGrid/systemTopics/evgt-vm-identity-remediator',
        '00000000-0000-4000-8000-000000000002/resourceGroups/monitoring/providers/Microsoft.EventGrid/systemTopics/subscription-events',
      ],
    );
  });

  it('are writes of VMs, but not those of the remediator', () => {
    assert.equal(subscriptions.length, 2);
    for (const { filter } of subscriptions) {
      assert.deepEqual(filter, {
        includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess'],
        advancedFilters: [
          {
            operatorType: 'StringIn',
            key: 'data.operationName',
            values: ['Microsoft.Compute/virtualMachines/write'],
          },
          { operatorType: 'StringNotIn', key: 'data.claims.appid', values: [CLIENT] },
        ],
      });
    }
  });

  it('go to the function vmWritten, and are tried again for a day', () => {
    for (const { destination, retryPolicy } of subscriptions) {
      assert.equal(destination.endpointType, 'AzureFunction');
      assert.match(destination.properties.resourceId, /\/sites\/func-vm-identity\/functions\/vmWritten$/);
      assert.deepEqual(retryPolicy, { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 });
    }
  });

  it('end as dead letters, written by an identity that the topic carries and that is not the remediator', () => {
    const [topic] = deployed('events', TOPIC);
    for (const { deadLetterWithResourceIdentity } of subscriptions) {
      const { identity, deadLetterDestination } = deadLetterWithResourceIdentity;
      assert.deepEqual(Object.keys(topic?.identity?.userAssignedIdentities ?? {}), [
        identity.userAssignedIdentity,
      ]);
      assert.match(identity.userAssignedIdentity, /\/id-vm-identity-dead-letters$/);
      assert.equal(deadLetterDestination.endpointType, 'StorageBlob');
      assert.equal(deadLetterDestination.properties.blobContainerName, 'dead-letters');
    }
  });
});
