// Step 3 of 3: tells the app of new VMs within seconds. Without it they wait for the next sweep.
// Runs in the subscription of the app, once its code is deployed, and reaches the others from there.
targetScope = 'subscription'

metadata name = 'vm-identity-remediator: events'
metadata description = 'For each subscription a system topic and a subscription to it, from writes of VMs to the app.'

import { existingTopic, tagSet } from 'modules/shared.bicep'

@description('Required. Ids (GUIDs) of the subscriptions to watch.')
@minLength(1)
@maxLength(800)
param subscriptionIds guid[]

@description('Optional. System topics that subscriptions have already, by subscription id: Azure allows one each.')
param existingSystemTopics existingTopics = {}

@description('Required. Id of the function app, from the outputs of main.bicep.')
@minLength(1)
param functionAppResourceId string

@description('Required. Client id of the remediator, from the outputs of main.bicep.')
param remediatorClientId guid

@description('Required. Id of the storage account that takes dead letters, from the outputs of main.bicep.')
@minLength(1)
param storageAccountResourceId string

@description('Required. Id of the identity that writes dead letters, from the outputs of main.bicep.')
@minLength(1)
param deadLetterWriterResourceId string

@description('Optional. Region that the resource groups of the topics are kept in.')
param location string = deployment().location

@description('Optional. Resource group of the system topic in each subscription; made when missing.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-vm-identity-remediator-events'

@description('Optional. Tags of everything.')
param tags tagSet = {}

@description('A GUID.')
@minLength(36)
@maxLength(36)
type guid = string

@description('System topics by subscription id.')
type existingTopics = {
  @description('Of the subscription with this id.')
  *: existingTopic
}

module events 'modules/subscriptionEvents.bicep' = [
  for subscriptionId in subscriptionIds: {
    scope: subscription(subscriptionId)
    params: {
      location: location
      resourceGroupName: resourceGroupName
      tags: tags
      systemTopic: existingSystemTopics[?subscriptionId]
      functionResourceId: '${functionAppResourceId}/functions/vmWritten'
      remediatorClientId: remediatorClientId
      deadLetters: {
        storageAccountResourceId: storageAccountResourceId
        writerResourceId: deadLetterWriterResourceId
      }
    }
  }
]
