metadata description = 'Where telemetry goes: Application Insights on a Log Analytics workspace.'

import { tagSet } from 'shared.bicep'

@description('Required. Name of the Log Analytics workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. Name of the Application Insights resource.')
@minLength(1)
@maxLength(255)
param applicationInsightsName string

@description('Required. Region of both.')
param location string

@description('Required. Tags of both.')
param tags tagSet

@description('Required. How long telemetry is kept, in days.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('Required. Most telemetry taken in on one day, in GB; -1 is no limit.')
@minValue(-1)
param dailyQuotaGb int

@description('Keeps the telemetry.')
resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
    features: { disableLocalAuth: true }
  }
}

@description('Takes the telemetry in, from whom may send it and has signed in.')
resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

@description('Where telemetry is sent to.')
output connectionString string = applicationInsights.properties.ConnectionString
