metadata description = 'The identities of the app and of its event topics.'

import { remediatorIdentity, tagSet } from 'shared.bicep'

@description('Required. Name of the remediator identity.')
@minLength(3)
@maxLength(128)
param remediatorName string

@description('Required. Name of the identity that Event Grid writes dead letters with.')
@minLength(3)
@maxLength(128)
param deadLetterWriterName string

@description('Required. Region of the identities.')
param location string

@description('Required. Tags of the identities.')
param tags tagSet

@description('What the app is to Azure: it signs in as this and as nothing else.')
resource remediator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: remediatorName
  location: location
  tags: tags
}

// Apart from the remediator, so that no system topic, of whatever subscription, ever carries the rights over VMs.
@description('What system topics carry, in every subscription: it may write dead letters and nothing else.')
resource deadLetterWriter 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: deadLetterWriterName
  location: location
  tags: tags
}

@description('Ids of the remediator identity.')
output remediator remediatorIdentity = {
  clientId: remediator.properties.clientId
  principalId: remediator.properties.principalId
}

@description('Id of the identity that writes dead letters.')
output deadLetterWriterResourceId string = deadLetterWriter.id
