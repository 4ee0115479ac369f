metadata description = 'Alert rules, and whom they tell. docs/operations.md has a section for each.'

import { tagSet } from 'shared.bicep'

@description('Required. Name of the action group.')
@minLength(1)
@maxLength(260)
param name string

@description('Required. Region of the rules.')
param location string

@description('Required. Tags of the action group and the rules.')
param tags tagSet

@description('Required. E-mail addresses to tell; with none there is no action group, and alerts show in the portal only.')
param emailAddresses string[]

@description('Required. Name of the Log Analytics workspace that the rules ask.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. How long there may be no sweep.')
param noSweepWindow 'PT3H' | 'PT6H' | 'P1D' | 'P2D'

@description('The rules. Each tells which section of docs/operations.md to read.')
var rules = [
  {
    name: 'no-sweep'
    title: 'No sweep'
    query: loadTextContent('kql/noSweep.kql')
    column: 'Sweeps'
    operator: 'LessThan'
    threshold: 1
    window: noSweepWindow
    severity: 1
    dimension: ''
  }
  {
    name: 'failures'
    title: 'VMs fail'
    query: loadTextContent('kql/failures.kql')
    column: 'VMs'
    operator: 'GreaterThan'
    threshold: 10
    window: 'PT6H'
    severity: 2
    dimension: 'Reason'
  }
  {
    name: 'poison'
    title: 'A message was given up'
    query: loadTextContent('kql/poison.kql')
    column: 'Messages'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT1H'
    severity: 2
    dimension: 'Queue'
  }
  {
    name: 'throttled'
    title: 'Azure throttles'
    query: loadTextContent('kql/throttled.kql')
    column: 'Refused'
    operator: 'GreaterThan'
    threshold: 100
    window: 'PT1H'
    severity: 3
    dimension: 'Kind'
  }
  {
    name: 'stale-vms'
    title: 'VMs without their identity for more than a day'
    query: loadTextContent('kql/staleVms.kql')
    column: 'VMs'
    operator: 'GreaterThan'
    threshold: 0
    window: 'P2D'
    severity: 2
    dimension: ''
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

@description('Who is told when an alert fires.')
resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emailAddresses)) {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'vm-identity'
    emailReceivers: [
      for address in emailAddresses: {
        name: address
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

@description('The alert rules.')
resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: 'alert-vm-identity-${rule.name}'
    location: location
    tags: tags
    properties: {
      displayName: 'VM identity remediator: ${rule.title}'
      description: 'What to look at and what to do: docs/operations.md#${rule.name}'
      severity: rule.severity
      enabled: true
      autoMitigate: true
      scopes: [workspace.id]
      evaluationFrequency: 'PT1H'
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Total'
            metricMeasureColumn: rule.column
            operator: rule.operator
            threshold: rule.threshold
            dimensions: empty(rule.dimension) ? [] : [{ name: rule.dimension, operator: 'Include', values: ['*'] }]
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(emailAddresses) ? [] : [actionGroup.id] }
    }
  }
]

@description('Id of the action group; empty when nobody is to be told.')
output actionGroupResourceId string = actionGroup.?id ?? ''
