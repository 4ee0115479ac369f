// Step 1 of 3: the app and all it needs. It may not touch a single VM until authorize.bicep has run.
// Longer than most files on purpose: every setting of the app is a parameter here.
targetScope = 'subscription'

metadata name = 'vm-identity-remediator'
metadata description = 'The Functions app that keeps every VM in scope on its user-assigned managed identity, and all it needs.'

import { scopeId, tagSet } from 'modules/shared.bicep'

// Where and how it runs

@description('Optional. Region of everything.')
param location string = deployment().location

@description('Optional. Resource group of the app; made when missing.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-vm-identity-remediator'

@description('Optional. Tags of everything.')
param tags tagSet = {}

@description('Optional. Node.js version the app runs on.')
param nodeVersion '22' | '24' = '24'

@description('Optional. Most instances at the same time. A region is the work of one instance, so more than regions are of no use.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Optional. Memory of an instance, in MB.')
param instanceMemoryMB 512 | 2048 | 4096 = 2048

@description('Optional. How long telemetry is kept, in days.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

@description('Optional. Most telemetry taken in on one day, in GB, as a limit to its cost; -1 is no limit.')
@minValue(-1)
param dailyQuotaGb int = 1

@description('Optional. E-mail addresses that alerts go to.')
param alertEmailAddresses string[] = []

@description('Optional. How long there may be no sweep before an alert fires; longer than the schedule of sweeps.')
param noSweepWindow 'PT3H' | 'PT6H' | 'P1D' | 'P2D' = 'PT3H'

// What it does: the settings of the app, by the same names

@description('Required. Where the app works: ids of management groups, subscriptions and resource groups.')
@minLength(1)
param scopes scopeId[]

@description('Optional. What is left out of the scopes: the same forms, and ids of single virtual machines.')
param excludedScopes scopeId[] = []

@description('Optional. VMs with this tag are left alone: name, or name=value for one value only.')
param exclusionTag string = ''

@description('Optional. Also VMs in resource groups that a service manages (AKS, Databricks and others).')
param includeManagedGroups bool = false

@description('Optional. For a staged roll-out: ids of subscriptions, and only VMs in these. Empty, all in scope.')
param onlySubscriptions string[] = []

@description('Optional. For a staged roll-out: regions such as eastus, and only VMs in these. Empty, all.')
param onlyRegions string[] = []

@description('Optional. DeployIfNotExists assigns, AuditIfNotExists only reports, Disabled does nothing.')
param effect 'DeployIfNotExists' | 'AuditIfNotExists' | 'Disabled' = 'DeployIfNotExists'

@description('Optional. Which VMs with exactly one user-assigned identity are left alone: imds, those where programs would lose their default identity; always, all.')
param singleIdentityRule 'imds' | 'always' = 'imds'

@description('Optional. Assign identities that you made, instead of one the app creates per subscription and region.')
param bringYourOwnUserAssignedManagedIdentity bool = false

@description('Optional. With your own identities: true, one in each subscription, found by name and group; false, one for all.')
param restrictBringYourOwnToSubscription bool = true

@description('Optional. Name of your own identity in each subscription.')
@maxLength(128)
param userAssignedIdentityName string = ''

@description('Optional. Resource group of your own identity in each subscription.')
@maxLength(90)
param identityResourceGroup string = ''

@description('Optional. Id of your own identity for all VMs.')
param userAssignedIdentityResourceId string = ''

@description('Optional. Resource group of the identities the app creates, in each subscription.')
@minLength(1)
@maxLength(90)
param builtInIdentityResourceGroup string = 'built-in-identity-rg'

@description('Optional. Where that group is created when it is missing.')
@minLength(2)
@maxLength(40)
param builtInIdentityResourceGroupLocation string = 'eastus'

@description('Optional. Identities are named {prefix}-{region}.')
@minLength(1)
@maxLength(80)
param builtInIdentityNamePrefix string = 'built-in-identity'

@description('Optional. Tags put on groups and identities the app creates.')
param identityTags tagSet = {}

@description('Optional. Protect the identities with a CanNotDelete lock.')
param lockIdentities bool = true

@description('Optional. Our share of each of Azure’s shared throttle limits, in percent.')
@minValue(1)
@maxValue(100)
param capacitySharePercent int = 70

@description('Optional. A sweep stops assigning after this many VMs; null is no limit.')
@minValue(1)
@maxValue(100000000)
param maxAssignmentsPerSweep int?

@description('Optional. A region is stopped early when more than this share of its VMs failed, in percent; 100 never stops.')
@minValue(0)
@maxValue(100)
param failureThresholdPercent int = 100

@description('Optional. How long after a write the VM is read again to confirm it, in seconds.')
@minValue(0)
@maxValue(600)
param confirmAfterSeconds int = 12

@description('Optional. When the timer sweeps: NCRONTAB, six fields, UTC.')
@minLength(11)
param sweepSchedule string = '0 0 * * * *'

@description('Optional. Explicit Resource Manager endpoint; by default that of the cloud.')
param armEndpoint string = ''

@description('Names of what is made in the resource group; some must differ from everybody else’s.')
var names = {
  remediator: 'id-vm-identity-remediator'
  deadLetterWriter: 'id-vm-identity-dead-letters'
  storageAccount: 'stvmidentity${take(suffix, 12)}'
  workspace: 'log-vm-identity-remediator'
  applicationInsights: 'appi-vm-identity-remediator'
  plan: 'plan-vm-identity-remediator'
  functionApp: 'func-vm-identity-${suffix}'
  actionGroup: 'ag-vm-identity-remediator'
}

@description('The same for each deployment to the same place.')
var suffix = uniqueString(subscription().id, resourceGroupName)

@description('The settings that were chosen, as the app reads them.')
var settings = {
  SCOPES: join(scopes, ',')
  EXCLUDED_SCOPES: join(excludedScopes, ',')
  EXCLUSION_TAG: exclusionTag
  INCLUDE_MANAGED_GROUPS: includeManagedGroups ? 'true' : 'false'
  ONLY_SUBSCRIPTIONS: join(onlySubscriptions, ',')
  ONLY_REGIONS: join(onlyRegions, ',')
  EFFECT: effect
  SINGLE_IDENTITY_RULE: singleIdentityRule
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: bringYourOwnUserAssignedManagedIdentity ? 'true' : 'false'
  RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: restrictBringYourOwnToSubscription ? 'true' : 'false'
  USER_ASSIGNED_IDENTITY_NAME: userAssignedIdentityName
  IDENTITY_RESOURCE_GROUP: identityResourceGroup
  USER_ASSIGNED_IDENTITY_RESOURCE_ID: userAssignedIdentityResourceId
  BUILT_IN_IDENTITY_RESOURCE_GROUP: builtInIdentityResourceGroup
  BUILT_IN_IDENTITY_RESOURCE_GROUP_LOCATION: builtInIdentityResourceGroupLocation
  BUILT_IN_IDENTITY_NAME_PREFIX: builtInIdentityNamePrefix
  IDENTITY_TAGS: join(map(items(identityTags), tag => '${tag.key}=${tag.value}'), ';')
  LOCK_IDENTITIES: lockIdentities ? 'true' : 'false'
  CAPACITY_SHARE_PERCENT: string(capacitySharePercent)
  MAX_ASSIGNMENTS_PER_SWEEP: maxAssignmentsPerSweep == null ? '' : string(maxAssignmentsPerSweep!)
  FAILURE_THRESHOLD_PERCENT: string(failureThresholdPercent)
  CONFIRM_AFTER_SECONDS: string(confirmAfterSeconds)
  SWEEP_SCHEDULE: sweepSchedule
  ARM_ENDPOINT: armEndpoint
}

resource resourceGroup 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: resourceGroup
  params: {
    remediatorName: names.remediator
    deadLetterWriterName: names.deadLetterWriter
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  scope: resourceGroup
  params: { name: names.storageAccount, location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: resourceGroup
  params: {
    workspaceName: names.workspace
    applicationInsightsName: names.applicationInsights
    location: location
    tags: tags
    retentionInDays: retentionInDays
    dailyQuotaGb: dailyQuotaGb
  }
}

// Modules take names rather than outputs of others, so that what-if can tell what a deployment would do.
module roles 'modules/roles.bicep' = {
  scope: resourceGroup
  params: {
    remediatorName: names.remediator
    deadLetterWriterName: names.deadLetterWriter
    storageAccountName: names.storageAccount
    applicationInsightsName: names.applicationInsights
  }
  dependsOn: [identities, storage, monitoring]
}

module functionApp 'modules/functionApp.bicep' = {
  scope: resourceGroup
  params: {
    planName: names.plan
    name: names.functionApp
    location: location
    tags: tags
    nodeVersion: nodeVersion
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    remediatorName: names.remediator
    remediator: identities.outputs.remediator
    storageAccountName: names.storageAccount
    storageEndpoints: storage.outputs.endpoints
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    settings: settings
  }
  // The host fails at its start without its roles.
  dependsOn: [roles]
}

module alerts 'modules/alerts.bicep' = {
  scope: resourceGroup
  params: {
    name: names.actionGroup
    location: location
    tags: tags
    emailAddresses: alertEmailAddresses
    workspaceName: names.workspace
    noSweepWindow: noSweepWindow
  }
  dependsOn: [monitoring]
}

module workbook 'modules/workbook.bicep' = {
  scope: resourceGroup
  params: {
    location: location
    tags: tags
    applicationInsightsName: names.applicationInsights
    workspaceName: names.workspace
  }
  dependsOn: [monitoring]
}

@description('Resource group of the app.')
output resourceGroupName string = resourceGroup.name

@description('Name of the function app; code is deployed to it.')
output functionAppName string = functionApp.outputs.name

@description('Id of the function app; events.bicep asks for it.')
output functionAppResourceId string = functionApp.outputs.resourceId

@description('Object id of the remediator; authorize.bicep asks for it.')
output remediatorPrincipalId string = identities.outputs.remediator.principalId

@description('Client id of the remediator; events.bicep asks for it.')
output remediatorClientId string = identities.outputs.remediator.clientId

@description('Id of the storage account; events.bicep asks for it.')
output storageAccountResourceId string = storage.outputs.resourceId

@description('Id of the identity that writes dead letters; events.bicep asks for it.')
output deadLetterWriterResourceId string = identities.outputs.deadLetterWriterResourceId
