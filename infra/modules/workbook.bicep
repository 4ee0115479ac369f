metadata description = 'The workbook of the app, in Azure Monitor.'

import { tagSet } from 'shared.bicep'

@description('Required. Region of the workbook.')
param location string

@description('Required. Tags of the workbook.')
param tags tagSet

@description('Required. Name of the Application Insights resource that the workbook is shown with.')
@minLength(1)
@maxLength(255)
param applicationInsightsName string

@description('Required. Name of the Log Analytics workspace that the workbook asks.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('The query of each part of workbook.json, and of its parameters, by name.')
var queries = {
  Region: loadTextContent('kql/regions.kql')
  Rules: loadTextContent('kql/rules.kql')
  share: loadTextContent('kql/share.kql')
  states: loadTextContent('kql/states.kql')
  trend: loadTextContent('kql/trend.kql')
  subscriptions: loadTextContent('kql/subscriptions.kql')
  regionsAndReasons: loadTextContent('kql/regionsAndReasons.kql')
  vmsNow: loadTextContent('kql/vmsNow.kql')
  lastLooks: loadTextContent('kql/lastLooks.kql')
  history: loadTextContent('kql/history.kql')
  actions: loadTextContent('kql/actions.kql')
  calls: loadTextContent('kql/calls.kql')
  failedVms: loadTextContent('kql/failedVms.kql')
  timeToAssign: loadTextContent('kql/timeToAssign.kql')
  sweeps: loadTextContent('kql/sweeps.kql')
}

@description('What is shown, without what is only known here.')
var notebook = any(loadJsonContent('workbook.json'))

@description('Who is asked, by the type of the query: 0 is a workspace, 1 Resource Graph.')
var asked = [[workspace.id], ['{Subscription}']]

@description('The parts of the workbook, with their queries and whom to ask.')
var parts = map(
  notebook.items,
  part =>
    part.type == 9
      ? union(part, {
          content: {
            parameters: map(
              part.content.parameters,
              one =>
                contains(queries, one.name)
                  ? union(one, { query: queries[one.name], crossComponentResources: asked[one.queryType] })
                  : one
            )
          }
        })
      : contains(queries, part.name)
          ? union(part, {
              content: { query: queries[part.name], crossComponentResources: asked[part.content.queryType] }
            })
          : part
)

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

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
    sourceId: applicationInsights.id
    serializedData: string(union(notebook, { items: parts }))
  }
}

@description('Id of the workbook.')
output resourceId string = workbook.id
