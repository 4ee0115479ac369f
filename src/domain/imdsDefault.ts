import { sameId } from './resourceId.ts';
import type { VmIdentity } from './vmIdentity.ts';

/**
 * What a change of identities does to programs that name none when they ask IMDS for a token: their default stays as it
 * is, they get one where they got an error, they lose it, or they silently become somebody else.
 */
export type DefaultChange = 'kept' | 'gained' | 'lost' | 'replaced';

/**
 * The identity IMDS hands out when none is named: the system-assigned one, else the only user-assigned one, else none
 * (azure-facts, section 6).
 */
export function imdsDefault({ system, user, userAssigned }: VmIdentity): string | undefined {
  if (system) return 'system-assigned';
  return user && userAssigned.length === 1 ? userAssigned[0] : undefined;
}

/** How the default identity of a VM changes. */
export function defaultChange(before: VmIdentity, after: VmIdentity): DefaultChange {
  const was = imdsDefault(before);
  const is = imdsDefault(after);
  if (was === undefined) return is === undefined ? 'kept' : 'gained';
  if (is === undefined) return 'lost';
  return sameId(was, is) ? 'kept' : 'replaced';
}

/** The identities of a VM once the goal identity is added. */
export function withGoal(identity: VmIdentity, goal: string): VmIdentity {
  const others = identity.user ? without(identity, goal).userAssigned : [];
  return { system: identity.system, user: true, userAssigned: [...others, goal] };
}

/** The identities of a VM once the goal identity is removed. */
export function without(identity: VmIdentity, goal: string): VmIdentity {
  const userAssigned = identity.userAssigned.filter((id) => !sameId(id, goal));
  return { system: identity.system, user: userAssigned.length > 0, userAssigned };
}
