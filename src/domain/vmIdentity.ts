import { fold } from './resourceId.ts';

/** The identities a VM has. */
export interface VmIdentity {
  readonly system: boolean;
  /** True when the type names user-assigned identities, even if the list should be empty. */
  readonly user: boolean;
  /** Ids of the user-assigned identities, spelled as Azure returned them. */
  readonly userAssigned: readonly string[];
  /**
   * The principal each user-assigned identity had when it was given to the VM, by folded id; empty where Azure says it
   * has none. Identities that nothing is told of are left out.
   */
  readonly principals?: Readonly<Record<string, string>>;
}

/** The `identity` of an ARM answer. Spellings of `type` with and without the space after the comma occur. */
export interface ArmIdentity {
  readonly type?: string | undefined;
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Reads the `identity` of an ARM answer; absent means none. */
export function vmIdentity(identity: ArmIdentity | null | undefined): VmIdentity {
  const types = fold(identity?.type ?? '').split(',');
  const names = types.map((type) => type.trim());
  return {
    system: names.includes('systemassigned'),
    user: names.includes('userassigned'),
    userAssigned: Object.keys(identity?.userAssignedIdentities ?? {}),
    principals: Object.fromEntries(
      Object.entries(identity?.userAssignedIdentities ?? {}).flatMap(principalOf),
    ),
  };
}

function principalOf([id, value]: [string, unknown]): [string, string][] {
  const { principalId } = (value ?? {}) as { principalId?: unknown };
  return principalId === undefined ? [] : [[fold(id), principalId === null ? '' : String(principalId)]];
}
