import { remediator } from '../emulator/arm/principals.ts';

/** A role definition as a fleet has it. */
interface RoleDefinition {
  readonly id: string;
  readonly properties: object;
}

/** A custom role, assignable where `assignableScopes` says; without them anywhere. */
export function customRole(
  actions: readonly string[],
  assignableScopes?: readonly string[],
  name = 'c0ffee00-0000-4000-8000-00000000c001',
): RoleDefinition {
  return {
    id: `/providers/Microsoft.Authorization/roleDefinitions/${name}`,
    properties: { permissions: [{ actions, notActions: [] }], ...(assignableScopes && { assignableScopes }) },
  };
}

/** Resources that give a role, custom or built-in by its GUID, to the remediator at a scope, or to somebody else. */
export function grant(
  scope: string,
  role: string | RoleDefinition,
  principalId = remediator.objectId,
): unknown[] {
  const id =
    typeof role === 'string' ? `/providers/Microsoft.Authorization/roleDefinitions/${role}` : role.id;
  const name = `${id.split('/').at(-1)}-${principalId}`;
  return [
    ...(typeof role === 'string' ? [] : [role]),
    {
      id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
      properties: { principalId, roleDefinitionId: id },
    },
  ];
}
