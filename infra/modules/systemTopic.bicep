metadata description = 'Events of one subscription: a system topic, unless there is one, and a subscription to it for the app.'

import { deadLetterContainer, deadLetterTarget, tagSet } from 'shared.bicep'

@description('Required. Name of the system topic.')
@minLength(3)
@maxLength(128)
param topicName string

@description('Required. Whether the topic is there already and is left as it is.')
param topicExists bool

@description('Required. Tags of the topic.')
param tags tagSet

@description('Required. Id of the function that takes the events.')
@minLength(1)
param functionResourceId string

@description('Required. Client id of the remediator, whose own writes are of no interest.')
@minLength(36)
@maxLength(36)
param remediatorClientId string

@description('Required. Where events go that could not be delivered.')
param deadLetters deadLetterTarget

@description('All that happens to resources of the subscription. Azure allows one such topic for a subscription.')
resource newTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (!topicExists) {
  name: topicName
  location: 'global'
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${deadLetters.writerResourceId}': {} }
  }
  properties: {
    source: subscription().id
    topicType: 'Microsoft.Resources.Subscriptions'
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

@description('Writes of VMs, but not our own, to the function vmWritten.')
resource eventSubscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'vm-identity-remediator'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: { resourceId: functionResourceId }
    }
    filter: {
      includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess']
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.operationName'
          values: ['Microsoft.Compute/virtualMachines/write']
        }
        // An event without claims passes, and the app looks once more.
        {
          operatorType: 'StringNotIn'
          key: 'data.claims.appid'
          values: [remediatorClientId]
        }
      ]
    }
    // Event Grid's own, written down: whatever is lost, the next sweep finds.
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'UserAssigned', userAssignedIdentity: deadLetters.writerResourceId }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: deadLetters.storageAccountResourceId
          blobContainerName: deadLetterContainer
        }
      }
    }
  }
  dependsOn: [newTopic]
}
