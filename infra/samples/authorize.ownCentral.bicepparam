using '../authorize.bicep'

param remediatorPrincipalId = '00000000-0000-4000-8000-00000000000a'
param mode = 'ownCentral'
param userAssignedIdentityResourceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-all'
