using '../main.bicep'

param resourceGroupName = 'rg-identities'
param tags = { owner: 'platform' }
param nodeVersion = '22'
param maximumInstanceCount = 60
param instanceMemoryMB = 4096
param retentionInDays = 90
param dailyQuotaGb = -1
param alertEmailAddresses = ['platform@contoso.com']
param noSweepWindow = 'PT6H'

param scopes = [
  '/providers/Microsoft.Management/managementGroups/contoso'
  '/subscriptions/00000000-0000-4000-8000-000000000001'
]
param excludedScopes = [
  '/subscriptions/00000000-0000-4000-8000-000000000002'
  '/subscriptions/00000000-0000-4000-8000-000000000003/resourceGroups/sandbox'
]
param exclusionTag = 'identity=manual'
param includeManagedGroups = true
param onlySubscriptions = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000003']
param onlyRegions = ['eastus', 'westeurope']
param effect = 'AuditIfNotExists'
param singleIdentityRule = 'always'
param bringYourOwnUserAssignedManagedIdentity = true
param restrictBringYourOwnToSubscription = false
param userAssignedIdentityName = 'id-vms'
param identityResourceGroup = 'identities'
param userAssignedIdentityResourceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-all'
param builtInIdentityResourceGroup = 'identities'
param builtInIdentityResourceGroupLocation = 'northeurope'
param builtInIdentityNamePrefix = 'id-region'
param identityTags = { costCenter: '42', owner: 'platform' }
param lockIdentities = false
param capacitySharePercent = 50
param maxAssignmentsPerSweep = 1000
param failureThresholdPercent = 20
param confirmAfterSeconds = 30
param sweepSchedule = '0 30 */2 * * *'
param armEndpoint = 'https://management.contoso.com'
