/** A permission of a role: it allows an action that matches `actions` and none of `notActions`. A role may have several. */
export interface Role {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
}

export const OWNER_ID = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';

/** Azure's built-in roles that matter here, by GUID (azure-facts, section 7). */
export const builtInRoles: Readonly<Record<string, Role & { readonly name: string }>> = {
  [OWNER_ID]: { name: 'Owner', actions: ['*'], notActions: [] },
  // Recorded in h05.
  'b24988ac-6180-42a0-ab88-20f7382dd24c': {
    name: 'Contributor',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
    ],
  },
  'acdd72a7-3385-48ef-bd42-f606fba81ae7': { name: 'Reader', actions: ['*/read'], notActions: [] },
  '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9': {
    name: 'User Access Administrator',
    actions: ['*/read', 'Microsoft.Authorization/*'],
    notActions: [],
  },
  // No locks.
  'f58310d9-a9f6-439a-9e8d-f62e7b41a168': {
    name: 'Role Based Access Control Administrator',
    actions: [
      'Microsoft.Authorization/roleAssignments/write',
      'Microsoft.Authorization/roleAssignments/delete',
      '*/read',
      'Microsoft.Support/*',
    ],
    notActions: [],
  },
  'e40ec5ca-96e0-45a2-b4ff-59039f2c2b59': {
    name: 'Managed Identity Contributor',
    actions: [
      'Microsoft.ManagedIdentity/userAssignedIdentities/read',
      'Microsoft.ManagedIdentity/userAssignedIdentities/write',
      'Microsoft.ManagedIdentity/userAssignedIdentities/delete',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
    notActions: [],
  },
  'f1a07417-d97a-45cb-824c-7a7467783830': {
    name: 'Managed Identity Operator',
    actions: [
      'Microsoft.ManagedIdentity/userAssignedIdentities/*/read',
      'Microsoft.ManagedIdentity/userAssignedIdentities/read',
      'Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action',
      'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
    notActions: [],
  },
  '9980e02c-c2be-4d73-94e8-173b1dc7cf3c': {
    name: 'Virtual Machine Contributor',
    actions: [
      'Microsoft.Compute/virtualMachines/*',
      'Microsoft.Compute/virtualMachineScaleSets/*',
      'Microsoft.Compute/locations/*',
      'Microsoft.Compute/disks/*',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
    notActions: [],
  },
};

const patterns = new Map<string, RegExp>();

/** True when the role allows the action. `*` stands for any text; letter case does not matter. */
export function allows(role: Role, action: string): boolean {
  return matchesAny(role.actions, action) && !matchesAny(role.notActions, action);
}

// One of the action patterns matches.
function matchesAny(actions: readonly string[], action: string): boolean {
  return actions.some((pattern) => {
    const known =
      patterns.get(pattern) ?? new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 'i');
    patterns.set(pattern, known);
    return known.test(action);
  });
}

function literally(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
