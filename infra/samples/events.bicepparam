using '../events.bicep'

param subscriptionIds = [
  '00000000-0000-4000-8000-000000000001'
  '00000000-0000-4000-8000-000000000002'
]

// The second has a system topic already.
param existingSystemTopics = {
  '00000000-0000-4000-8000-000000000002': {
    resourceGroupName: 'monitoring'
    name: 'subscription-events'
  }
}

// Outputs of main.bicep
param functionAppResourceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-vm-identity-remediator/providers/Microsoft.Web/sites/func-vm-identity'
param remediatorClientId = '00000000-0000-4000-8000-00000000000b'
param storageAccountResourceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-vm-identity-remediator/providers/Microsoft.Storage/storageAccounts/stvmidentity'
param deadLetterWriterResourceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-vm-identity-remediator/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-vm-identity-dead-letters'
