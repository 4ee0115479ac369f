import type { IdentityMode, Policy } from '../domain/policy.ts';

type Mode = IdentityMode['kind'];

/** A right the app uses. */
export interface ActionUse {
  readonly action: string;
  /** What the app does with it. */
  readonly why: string;
  /** In which modes it is used. */
  readonly modes: readonly Mode[];
  /** What it is needed on. A VM's includes its resource group; an identity's includes the group it is made in. */
  readonly on: 'subscription' | 'virtualMachine' | 'identity';
  /** `locks`: only with LOCK_IDENTITIES. `preflight`: only to say beforehand what is missing; writes say it, too. */
  readonly only?: 'locks' | 'preflight';
}

const ALL: readonly Mode[] = ['builtIn', 'ownInSubscription', 'ownCentral'];

/**
 * Every action of Resource Manager that the app uses, and why: the role of `infra/`, preflight, `doctor` and the README
 * go by this list. A test shows that the role is enough for everything the app does, and that nothing of it can be
 * left out. Sources: azure-facts, section 7; what reading subscriptions, providers and permissions needs is named by
 * the AuthorizationFailed texts people get without it.
 */
export const actions: readonly ActionUse[] = [
  {
    action: 'Microsoft.Resources/subscriptions/read',
    why: 'Resource Graph: which subscriptions a management group holds.',
    modes: ALL,
    on: 'subscription',
  },
  {
    action: 'Microsoft.Resources/subscriptions/resourceGroups/read',
    why: 'Whether a service such as AKS manages the group of a VM; whether the group of the identities is there.',
    modes: ALL,
    on: 'virtualMachine',
  },
  {
    action: 'Microsoft.Compute/virtualMachines/read',
    why: 'Resource Graph: which VMs lack their identity. Each is read before it is written, and once to confirm.',
    modes: ALL,
    on: 'virtualMachine',
  },
  {
    action: 'Microsoft.Compute/virtualMachines/write',
    why: 'Adds the identity to the VM.',
    modes: ALL,
    on: 'virtualMachine',
  },
  {
    action: 'Microsoft.Compute/locations/operations/read',
    why: 'Why Azure failed an update that it had accepted.',
    modes: ALL,
    on: 'subscription',
  },
  {
    action: 'Microsoft.ManagedIdentity/userAssignedIdentities/read',
    why: 'Whether the identity is there; with an identity of your own, so that a missing one is told once.',
    modes: ALL,
    on: 'identity',
  },
  {
    action: 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
    why: 'Azure asks for it on the identity that a write adds to a VM.',
    modes: ALL,
    on: 'identity',
  },
  {
    action: 'Microsoft.ManagedIdentity/userAssignedIdentities/write',
    why: 'Makes the identity of a subscription and region.',
    modes: ['builtIn'],
    on: 'identity',
  },
  {
    action: 'Microsoft.Resources/subscriptions/resourceGroups/write',
    why: 'Makes the group of those identities.',
    modes: ['builtIn'],
    on: 'identity',
  },
  {
    action: 'Microsoft.Authorization/locks/read',
    why: 'Whether a lock protects the identity already.',
    modes: ['builtIn', 'ownInSubscription'],
    on: 'identity',
    only: 'locks',
  },
  {
    action: 'Microsoft.Authorization/locks/write',
    why: 'Locks the identity against deletion.',
    modes: ['builtIn', 'ownInSubscription'],
    on: 'identity',
    only: 'locks',
  },
  {
    action: 'Microsoft.Authorization/permissions/read',
    why: 'Which of these rights are missing, before anything is written.',
    modes: ALL,
    on: 'subscription',
    only: 'preflight',
  },
  {
    action: 'Microsoft.Resources/subscriptions/providers/read',
    why: 'Whether the resource providers are registered and offer identities in the region, before anything is written.',
    modes: ALL,
    on: 'subscription',
    only: 'preflight',
  },
];

/** The actions these settings make the app use. */
export function actionsUsed(settings: {
  readonly policy: Pick<Policy, 'identity'>;
  readonly lockIdentities: boolean;
}): ActionUse[] {
  const { policy, lockIdentities } = settings;
  return actions.filter(
    ({ modes, only }) => modes.includes(policy.identity.kind) && (only !== 'locks' || lockIdentities),
  );
}
