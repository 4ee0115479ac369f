metadata description = 'The storage account of the app: its queues, its blobs and what the Functions host keeps for itself.'

import { deadLetterContainer, deploymentContainer, storageAddresses, tagSet } from 'shared.bicep'

@description('Required. Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region of the storage account.')
param location string

@description('Required. Tags of the storage account.')
param tags tagSet

@description('Queues of work, and where the Functions host puts a message that failed maxDequeueCount times.')
var queueNames = [
  'regions'
  'regions-poison'
  'virtual-machines'
  'virtual-machines-poison'
]

@description('Containers: the code of the app, compliance reports, events that could not be delivered.')
var containerNames = [deploymentContainer, 'reports', deadLetterContainer]

// Locally redundant: whatever is lost here, the next sweep finds again.
@description('No key opens it, nobody reads it without signing in.')
resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }

  resource queues 'queueServices' = {
    name: 'default'

    resource queue 'queues' = [for queueName in queueNames: { name: queueName }]
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource container 'containers' = [
      for containerName in containerNames: {
        name: containerName
        properties: { publicAccess: 'None' }
      }
    ]
  }
}

@description('Id of the storage account.')
output resourceId string = account.id

@description('Addresses of the storage account.')
output endpoints storageAddresses = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}
