// Step 2 of 3: lets the remediator work in every subscription of this management group.
// Run by who may grant rights there (Owner, or User Access Administrator). Nothing else is granted anywhere.
targetScope = 'managementGroup'

metadata name = 'vm-identity-remediator: rights'
metadata description = 'The custom role of the remediator and its assignment.'

import { identityMode } from 'modules/shared.bicep'
import { remediatorActions } from 'modules/remediatorRole.bicep'

@description('Required. Object id of the remediator, from the outputs of main.bicep.')
@minLength(36)
@maxLength(36)
param remediatorPrincipalId string

@description('Optional. Which identity a VM should carry: one the app makes for each subscription and region, one of yours in each subscription, or one of yours for all.')
param mode identityMode = 'builtIn'

@description('Optional. Whether the app locks identities, as its setting LOCK_IDENTITIES says.')
param lockIdentities bool = true

@description('Optional. Id of your one identity for all VMs; required with mode ownCentral.')
param userAssignedIdentityResourceId string = ''

@description('An id like that of an identity, for the modes that have no one identity: Azure reads the scope of a module even when it leaves it out.')
var noIdentity = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/none/providers/none/none/none'

@description('Parts of the id of the one identity: subscription, group and name are the third, fifth and last.')
var centralIdentity = split(
  mode != 'ownCentral'
    ? noIdentity
    : empty(userAssignedIdentityResourceId)
        ? fail('Mode ownCentral needs userAssignedIdentityResourceId, the id of your one identity for all VMs.')
        : userAssignedIdentityResourceId,
  '/'
)

@description('What the remediator may do.')
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(managementGroup().id, 'vm-identity-remediator')
  properties: {
    type: 'CustomRole'
    // Names of roles differ in the whole tenant.
    roleName: 'VM Identity Remediator (${managementGroup().name})'
    description: 'Lets vm-identity-remediator give virtual machines their user-assigned identity.'
    assignableScopes: [managementGroup().id]
    permissions: [{ actions: remediatorActions(mode, lockIdentities) }]
  }
}

@description('Gives the role to the remediator.')
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(managementGroup().id, remediatorPrincipalId, 'vm-identity-remediator')
  properties: {
    principalId: remediatorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: role.id
    description: 'vm-identity-remediator gives virtual machines their user-assigned identity.'
  }
}

module central 'modules/centralIdentity.bicep' = if (mode == 'ownCentral') {
  scope: az.resourceGroup(centralIdentity[2], centralIdentity[4])
  params: {
    identityName: last(centralIdentity)!
    remediatorPrincipalId: remediatorPrincipalId
  }
}

@description('Id of the custom role.')
output roleDefinitionId string = role.id
