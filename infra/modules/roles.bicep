metadata description = 'What the identities may do inside the resource group of the app. What the remediator may do to VMs is in authorize.bicep.'

import { deadLetterContainer } from 'shared.bicep'

@description('Required. Name of the storage account.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Required. Name of the Application Insights resource.')
@minLength(1)
@maxLength(255)
param applicationInsightsName string

@description('Required. Name of the remediator identity.')
@minLength(3)
@maxLength(128)
param remediatorName string

@description('Required. Name of the identity that writes dead letters.')
@minLength(3)
@maxLength(128)
param deadLetterWriterName string

@description('Built-in roles of the remediator on the storage account.')
var storageRoles = {
  // The host keeps timer leases, function keys and the code of the app in blobs, and makes containers of its own.
  // The app writes its reports.
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  // The app sends to its queues; the host reads, deletes, and moves what keeps failing to the poison queues.
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  // The host writes its diagnostic events to a table. Without it they are lost, and an error says so each time.
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// Application Insights takes telemetry of those who may publish metrics to it, now that its key opens nothing.
@description('Built-in role Monitoring Metrics Publisher.')
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

// Event Grid writes each event it gave up on as a blob.
@description('Built-in role Storage Blob Data Contributor.')
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource remediator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: remediatorName
}

resource deadLetterWriter 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: deadLetterWriterName
}

resource storageAccount 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource deadLetters 'containers' existing = { name: deadLetterContainer }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource onStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(storageRoles): {
    scope: storageAccount
    name: guid(storageAccount.id, remediator.id, role.value)
    properties: {
      principalId: remediator.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
      description: role.key
    }
  }
]

resource onApplicationInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, remediator.id, monitoringMetricsPublisher)
  properties: {
    principalId: remediator.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    description: 'Monitoring Metrics Publisher'
  }
}

resource onDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storageAccount::blobs::deadLetters
  name: guid(storageAccount::blobs::deadLetters.id, deadLetterWriter.id, storageBlobDataContributor)
  properties: {
    principalId: deadLetterWriter.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    description: 'Storage Blob Data Contributor'
  }
}
