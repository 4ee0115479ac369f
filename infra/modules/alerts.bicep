metadata description = 'Whom to tell. The alert rules belong here too.'

import { tagSet } from 'shared.bicep'

@description('Required. Name of the action group.')
@minLength(1)
@maxLength(260)
param name string

@description('Required. Tags of the action group.')
param tags tagSet

@description('Required. E-mail addresses to tell; with none there is no action group.')
param emailAddresses string[]

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

@description('Id of the action group; empty when nobody is to be told.')
output actionGroupResourceId string = actionGroup.?id ?? ''
