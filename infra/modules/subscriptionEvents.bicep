targetScope = 'subscription'

metadata description = 'Events of this subscription to the app: a resource group for the system topic, and the topic in it.'

import { deadLetterTarget, existingTopic, tagSet } from 'shared.bicep'

@description('Required. Region that the resource group is kept in; the topic itself is global.')
param location string

@description('Required. Resource group of the system topic, unless there is one already.')
@minLength(1)
@maxLength(90)
param resourceGroupName string

@description('Required. Tags of group and topic.')
param tags tagSet

@description('Optional. The system topic that the subscription has already.')
param systemTopic existingTopic?

@description('Required. Id of the function that takes the events.')
@minLength(1)
param functionResourceId string

@description('Required. Client id of the remediator.')
@minLength(36)
@maxLength(36)
param remediatorClientId string

@description('Required. Where events go that could not be delivered.')
param deadLetters deadLetterTarget

resource resourceGroup 'Microsoft.Resources/resourceGroups@2025-04-01' = if (systemTopic == null) {
  name: resourceGroupName
  location: location
  tags: tags
}

module topic 'systemTopic.bicep' = {
  scope: az.resourceGroup(systemTopic.?resourceGroupName ?? resourceGroupName)
  params: {
    topicName: systemTopic.?name ?? 'evgt-vm-identity-remediator'
    topicExists: systemTopic != null
    tags: tags
    functionResourceId: functionResourceId
    remediatorClientId: remediatorClientId
    deadLetters: deadLetters
  }
  dependsOn: [resourceGroup]
}
