metadata description = 'The Functions app on a Flex Consumption plan.'

import { deploymentContainer, remediatorIdentity, storageAddresses, tagSet } from 'shared.bicep'

@description('Required. Name of the plan.')
@minLength(1)
@maxLength(60)
param planName string

@description('Required. Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Required. Region of both.')
param location string

@description('Required. Tags of both.')
param tags tagSet

@description('Required. Node.js version.')
param nodeVersion '22' | '24'

@description('Required. Most instances at the same time.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

@description('Required. Memory of an instance, in MB.')
param instanceMemoryMB 512 | 2048 | 4096

@description('Required. Name of the remediator identity.')
@minLength(3)
@maxLength(128)
param remediatorName string

@description('Required. The ids of that identity, which the app signs in as.')
param remediator remediatorIdentity

@description('Required. Name of the storage account.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Required. Addresses of the storage account.')
param storageEndpoints storageAddresses

@description('Required. Where telemetry goes. No secret: it is taken in only from who has signed in.')
@minLength(1)
param applicationInsightsConnectionString string

@description('Required. Settings of the app that were chosen. An empty one is left out, so that the app takes its default.')
param settings settingTexts

@description('Names and values of app settings.')
type settingTexts = {
  @description('Value of the setting.')
  *: string
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: remediatorName
}

// On Flex Consumption the runtime is in functionAppConfig; FUNCTIONS_WORKER_RUNTIME and its like must not be set.
@description('Settings of the app that follow from what is deployed here.')
var deployedSettings = {
  AZURE_CLOUD: environment().name
  AZURE_CLIENT_ID: remediator.clientId
  // Our own writes are known by it in events, beside the client id.
  REMEDIATOR_OBJECT_ID: remediator.principalId
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
}

@description('Settings of the Functions host: storage and telemetry by the remediator identity, no key anywhere.')
var hostSettings = {
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: remediator.clientId
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${remediator.clientId};Authorization=AAD'
}

// From the account name alone the host makes addresses of the public cloud.
@description('Addresses of the storage account, where the host could not guess them.')
var sovereignHostSettings = environment().name == 'AzureCloud'
  ? {}
  : {
      AzureWebJobsStorage__blobServiceUri: storageEndpoints.blob
      AzureWebJobsStorage__queueServiceUri: storageEndpoints.queue
      AzureWebJobsStorage__tableServiceUri: storageEndpoints.table
    }

@description('Every app setting.')
var appSettings = union(settings, deployedSettings, hostSettings, sovereignHostSettings)

@description('Flex Consumption: paid by use, nothing while nothing happens.')
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

@description('The app.')
resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // The tag is how `azd deploy` finds the app.
  tags: union(tags, { 'azd-service-name': 'remediator' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    functionAppConfig: {
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: { instanceMemoryMB: instanceMemoryMB, maximumInstanceCount: maximumInstanceCount }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storageEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: map(filter(items(appSettings), setting => !empty(setting.value)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }

  // Code is deployed by who is signed in to Azure, not by a password.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noScmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

@description('Name of the function app.')
output name string = app.name

@description('Id of the function app.')
output resourceId string = app.id
