import { sameId } from './resourceId.ts';
import type { VmIdentity } from './vmIdentity.ts';

/** The body of a VM PATCH: identity only, nothing else of the VM is named. */
export interface IdentityPatch {
  readonly identity: {
    readonly type: 'None' | 'SystemAssigned' | 'UserAssigned' | 'SystemAssigned, UserAssigned';
    readonly userAssignedIdentities?: Readonly<Record<string, Record<string, never> | null>>;
  };
}

/**
 * The PATCH that adds the goal identity and can do nothing else (R9). Azure merges the map, so it names the goal
 * only; `type` is a whole value, so it keeps `SystemAssigned` where the VM has it (recorded in a01, a06).
 */
export function identityPatch(current: VmIdentity, goal: string): IdentityPatch {
  return {
    identity: {
      type: current.system ? 'SystemAssigned, UserAssigned' : 'UserAssigned',
      // Spelled as the VM has it where it carries an earlier one under the same id.
      userAssignedIdentities: { [current.userAssigned.find((id) => sameId(id, goal)) ?? goal]: {} },
    },
  };
}

/**
 * The inverse, for rollback: removes the goal identity and nothing else. While other user-assigned identities
 * remain, one `null` does it (recorded in a02). The last one goes by the type alone, which would wipe any other
 * identity too (recorded in a03, a04): send it only with the ETag of the read it rests on.
 * Returns undefined when the VM does not carry the goal.
 */
export function identityRemoval(current: VmIdentity, goal: string): IdentityPatch | undefined {
  const key = current.userAssigned.find((id) => sameId(id, goal));
  if (key === undefined) return undefined;
  if (current.userAssigned.length === 1) {
    return { identity: { type: current.system ? 'SystemAssigned' : 'None' } };
  }
  return {
    identity: {
      type: current.system ? 'SystemAssigned, UserAssigned' : 'UserAssigned',
      userAssignedIdentities: { [key]: null },
    },
  };
}
