/** Which identity VMs should carry: the three ways of the built-in policy (R1-R3). */
export type IdentityMode =
  | { readonly kind: 'builtIn'; readonly resourceGroup: string; readonly namePrefix: string }
  | { readonly kind: 'ownInSubscription'; readonly resourceGroup: string; readonly name: string }
  | { readonly kind: 'ownCentral'; readonly id: string };

/** The policy's effects (R7). */
export type Effect = 'DeployIfNotExists' | 'AuditIfNotExists' | 'Disabled';

/** Which VMs with exactly one identity are left as they are (R5). */
export type SingleIdentityRule = 'imds' | 'always';

/** A tag that takes a VM out: any value when `value` is undefined. Names ignore case, values do not. */
export interface ExclusionTag {
  readonly name: string;
  readonly value: string | undefined;
}

/** Everything the decision about a VM depends on, besides the VM and the scopes. */
export interface Policy {
  readonly effect: Effect;
  readonly identity: IdentityMode;
  readonly singleIdentityRule: SingleIdentityRule;
  readonly exclusionTag: ExclusionTag | undefined;
  readonly includeManagedGroups: boolean;
  /** Where a staged roll-out has got to: ids of subscriptions and regions, folded. Everywhere when undefined. */
  readonly onlySubscriptions: ReadonlySet<string> | undefined;
  readonly onlyRegions: ReadonlySet<string> | undefined;
}
