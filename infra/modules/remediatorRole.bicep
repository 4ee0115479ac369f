metadata description = 'What the remediator may do to the subscriptions it works in: all of its rights, each with its reason.'

import { identityMode } from 'shared.bicep'

@export()
@description('Actions of the role on an identity that is assigned to VMs.')
var assignActions = [
  // Whether the identity is there.
  'Microsoft.ManagedIdentity/userAssignedIdentities/read'
  // Azure asks for it on the identity that a write adds to a VM.
  'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'
]

@export()
@description('Actions of the custom role. They grant no delete and no role assignment.')
func remediatorActions(mode identityMode, lockIdentities bool) string[] =>
  concat(
    [
      // Resource Graph shows the subscriptions of a management group only to who may read them.
      'Microsoft.Resources/subscriptions/read'
      // Resource Graph: whether a service manages the group of a VM. Also whether the identities' group is there.
      'Microsoft.Resources/subscriptions/resourceGroups/read'
      // Resource Graph: which VMs lack their identity. Read again before each write, and once to confirm it.
      'Microsoft.Compute/virtualMachines/read'
      // Adds the identity to the VM.
      'Microsoft.Compute/virtualMachines/write'
      // Says why Azure failed an update that it had accepted.
      'Microsoft.Compute/locations/operations/read'
      // Which of these rights are missing, before anything is written.
      'Microsoft.Authorization/permissions/read'
      // Whether resource providers are registered and offer identities in the region, before anything is written.
      'Microsoft.Resources/subscriptions/providers/read'
    ],
    // One identity for all is granted by itself, in centralIdentity.bicep.
    mode == 'ownCentral' ? [] : assignActions,
    mode != 'builtIn'
      ? []
      : [
          // Makes the identity of a subscription and region.
          'Microsoft.ManagedIdentity/userAssignedIdentities/write'
          // Makes the group of those identities.
          'Microsoft.Resources/subscriptions/resourceGroups/write'
        ],
    mode == 'ownCentral' || !lockIdentities
      ? []
      : [
          // Whether a lock protects the identity already.
          'Microsoft.Authorization/locks/read'
          // Locks the identity against deletion.
          'Microsoft.Authorization/locks/write'
        ]
  )
