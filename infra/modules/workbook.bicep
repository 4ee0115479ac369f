metadata description = 'The workbook of the app, in Azure Monitor.'

import { tagSet } from 'shared.bicep'

@description('Required. Region of the workbook.')
param location string

@description('Required. Tags of the workbook.')
param tags tagSet

@description('Required. Id of the Application Insights resource that the workbook asks.')
@minLength(1)
param applicationInsightsResourceId string

@description('Required. Id of the Log Analytics workspace that the workbook asks.')
@minLength(1)
param workspaceResourceId string

@description('The query of each part of workbook.json, by the name of the part.')
var queries = {
  sweeps: loadTextContent('kql/sweeps.kql')
  actions: loadTextContent('kql/actions.kql')
  failuresBySubscription: loadTextContent('kql/failuresBySubscription.kql')
  timeToAssign: loadTextContent('kql/timeToAssign.kql')
  compliance: loadTextContent('kql/compliance.kql')
}

@description('What is shown, without what is only known here.')
var notebook = loadJsonContent('workbook.json')

@description('The parts of the workbook, with their queries and whom to ask.')
var parts = map(
  notebook.items,
  part =>
    union(part, {
      content: union(part.content, {
        query: queries[part.name]
        crossComponentResources: part.content.queryType == 1 ? ['value::all'] : [workspaceResourceId]
      })
    })
)

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
    serializedData: string(union(notebook, { items: parts }))
  }
}

@description('Id of the workbook.')
output resourceId string = workbook.id
