metadata description = 'Lets the remediator assign one identity of yours to VMs, and no other.'

import { assignActions } from 'remediatorRole.bicep'

@description('Required. Name of the identity, in the resource group of this deployment.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Required. Object id of the remediator.')
@minLength(36)
@maxLength(36)
param remediatorPrincipalId string

@description('Your identity for all VMs.')
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

@description('Less than the built-in role Managed Identity Operator, which may also deploy and open support cases.')
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'vm-identity-remediator')
  properties: {
    type: 'CustomRole'
    // Names of roles differ in the whole tenant.
    roleName: 'VM Identity Remediator: assign identities of ${take(resourceGroup().name, 60)} (${uniqueString(resourceGroup().id)})'
    description: 'Lets vm-identity-remediator assign an identity to virtual machines.'
    assignableScopes: [resourceGroup().id]
    permissions: [{ actions: assignActions }]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: identity
  name: guid(identity.id, remediatorPrincipalId, 'vm-identity-remediator')
  properties: {
    principalId: remediatorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: role.id
    description: 'vm-identity-remediator assigns this identity to virtual machines.'
  }
}
