import type { IdentityMode } from './policy.ts';

/** True when a missing goal identity, and its group, is made by this app; those brought by the customer never are (R2, R3). */
export function isMadeByUs(mode: IdentityMode): boolean {
  return mode.kind === 'builtIn';
}

/** True when the goal identity is to be locked: not a central one, which may not even be in a subscription of ours (R3, R6). */
export function isToBeLocked(mode: IdentityMode, lockIdentities: boolean): boolean {
  return lockIdentities && mode.kind !== 'ownCentral';
}
