metadata description = 'The workbook of the app, in Azure Monitor.'

import { tagSet } from 'shared.bicep'

@description('Required. Region of the workbook.')
param location string

@description('Required. Tags of the workbook.')
param tags tagSet

@description('Required. Id of the Application Insights resource that the workbook asks.')
@minLength(1)
param applicationInsightsResourceId string

@description('What is shown is in workbook.json.')
resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'vm-identity-remediator')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'VM identity remediator'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: applicationInsightsResourceId
    serializedData: string(loadJsonContent('workbook.json'))
  }
}

@description('Id of the workbook.')
output resourceId string = workbook.id
