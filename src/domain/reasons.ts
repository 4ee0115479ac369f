/** What a reason code means, and what a person can do about it. */
export interface Reason {
  readonly meaning: string;
  /**
   * The next step; empty when there is nothing to do. `{vm}`, `{subscription}`, `{subscriptionId}`, `{group}` and
   * `{identity}` stand for ids.
   */
  readonly next: string;
  /** Trying again within minutes may help; without it only a person, or the next sweep, can. */
  readonly passing?: true;
}

/**
 * Every way the look at one VM can end, and why (R12). The closed list: outcome, then reason code.
 * The README's table of reasons is checked against it.
 */
export const reasons = {
  assigned: {
    'goal-added': { meaning: 'The goal identity was added to the VM, and Azure confirmed it.', next: '' },
    'goal-renewed': {
      meaning: 'The goal identity had been deleted and made again; the VM has the new one now.',
      next: '',
    },
  },
  removed: {
    'goal-removed': {
      meaning: 'Rollback took the goal identity from the VM, and Azure confirmed it.',
      next: '',
    },
  },
  compliant: {
    'goal-absent': { meaning: 'Rollback found the VM without its goal identity.', next: '' },
    'goal-present': { meaning: 'The VM carries its goal identity already.', next: '' },
    'single-identity': {
      meaning:
        'The VM has exactly one user-assigned identity. Programs on it may rely on that one being the default, so it is left alone.',
      next: 'If no program on it relies on the default, add the goal identity by hand: az vm identity assign --ids {vm} --identities {identity}',
    },
  },
  excluded: {
    'effect-disabled': { meaning: 'EFFECT is Disabled.', next: '' },
    'out-of-scope': { meaning: 'The VM is in none of the SCOPES.', next: '' },
    'excluded-scope': { meaning: 'The VM is in one of the EXCLUDED_SCOPES.', next: '' },
    'subscription-not-rolled-out': {
      meaning: 'ONLY_SUBSCRIPTIONS is set and does not name the subscription of the VM.',
      next: 'Name {subscription} in ONLY_SUBSCRIPTIONS, or unset it, when the roll-out gets there.',
    },
    'region-not-rolled-out': {
      meaning: 'ONLY_REGIONS is set and does not name the region of the VM.',
      next: 'Name the region in ONLY_REGIONS, or unset it, when the roll-out gets there.',
    },
    'exclusion-tag': { meaning: 'The VM has the EXCLUSION_TAG.', next: '' },
    'managed-group': {
      meaning: 'A service such as AKS or Databricks manages the resource group of the VM.',
      next: 'Set INCLUDE_MANAGED_GROUPS=true to include such VMs.',
    },
    'vm-deleting': { meaning: 'The VM is being deleted.', next: '' },
    'vm-gone': { meaning: 'The VM was deleted after Resource Graph listed it.', next: '' },
  },
  deferred: {
    'audit-only': {
      meaning: 'The VM lacks its goal identity, and EFFECT is AuditIfNotExists.',
      next: 'Set EFFECT=DeployIfNotExists to have it assigned.',
    },
    'sweep-limit': {
      meaning: 'MAX_ASSIGNMENTS_PER_SWEEP was reached before this VM.',
      next: 'The next sweep goes on here.',
    },
    'failure-threshold': {
      meaning: 'FAILURE_THRESHOLD_PERCENT of this region was reached before this VM.',
      next: 'Look at the failures of the region; the next sweep tries again.',
    },
    contested: {
      meaning:
        'Others took the goal identity from the VM three times or more in 14 days, so that it is left to them for a while.',
      next: 'Have those named in the message keep the identity, or exclude {vm} with EXCLUDED_SCOPES or EXCLUSION_TAG.',
    },
    interrupted: { meaning: 'The sweep was stopped before this VM.', next: 'The next sweep goes on here.' },
    'region-unread': {
      meaning: 'Resource Graph could not be read where the VM is, so that it was not looked at.',
      next: 'The next sweep tries again.',
    },
    'still-updating': {
      meaning: 'Azure accepted the write but was not finished when looked at.',
      next: 'The next sweep looks again.',
    },
  },
  failed: {
    forbidden: {
      meaning: 'The remediator lacks a right on the VM, its group or its subscription.',
      next: 'Grant the rights named in the message to the remediator at {subscription}; a new grant takes up to 10 minutes to work.',
    },
    'identity-forbidden': {
      meaning: 'The remediator may not assign the goal identity, or the identity does not exist.',
      next: 'Grant Microsoft.ManagedIdentity/userAssignedIdentities/assign/action to the remediator on {identity}',
    },
    'identity-missing': {
      meaning: 'The identity brought for this VM does not exist. It is never created by this app.',
      next: 'Create {identity}, or correct the settings that name it.',
    },
    'identity-dead': {
      meaning:
        'The VM carries a goal identity that was deleted, and assigning the new one of the same name did not help.',
      next: 'Take it away, and the next sweep adds the new one: az vm identity remove --ids {vm} --identities {identity}',
    },
    'identity-not-ready': {
      meaning: 'Azure refused the goal identity, as it does while a new one is not visible everywhere.',
      next: 'The next sweep tries again. If it stays, look whether {identity} restricts what it may be assigned to.',
      passing: true,
    },
    'identity-region': {
      meaning: 'Azure makes no managed identities in the region of the VM.',
      next: 'Create {identity} by hand in another region; it serves VMs of every region.',
    },
    'deny-assignment': {
      meaning: 'A deny assignment protects the VM, as managed applications and locked-down clusters have.',
      next: 'Exclude {group} with EXCLUDED_SCOPES.',
    },
    'deny-policy': {
      meaning: 'A policy with effect deny refused the write.',
      next: 'Mend what the policy named in the message asks for, or exempt {vm} from it.',
    },
    'read-only-lock': {
      meaning: 'A ReadOnly lock on the VM, its group or its subscription refuses every write.',
      next: 'Remove the lock for a while, or exclude {vm} with EXCLUDED_SCOPES.',
    },
    'subscription-disabled': {
      meaning: 'The subscription is disabled or gone.',
      next: 'Enable {subscription}, or exclude it with EXCLUDED_SCOPES.',
    },
    'provider-not-registered': {
      meaning: 'A resource provider is not registered in the subscription.',
      next: 'Register it: az provider register --namespace Microsoft.ManagedIdentity --subscription {subscriptionId}',
    },
    conflict: {
      meaning: 'Other writers changed the VM each time before our write.',
      next: 'The next sweep tries again. If it stays, find out which tool keeps writing {vm}.',
      passing: true,
    },
    'not-kept': {
      meaning: 'Azure accepted the identity, but the VM did not carry it afterwards.',
      next: 'Find out which tool or policy removes identities from {vm}; the next sweep tries again.',
    },
    'not-removed': {
      meaning: 'Azure accepted the removal, but the VM carried the goal identity afterwards.',
      next: 'See that the app does not assign it again: EFFECT must not be DeployIfNotExists. Then run rollback again.',
    },
    'no-etag': {
      meaning:
        'Azure gave no ETag for the VM, so that rollback could not rule out a write by others in between.',
      next: 'Run rollback again; most answers have one.',
    },
    'operation-failed': {
      meaning: 'Azure accepted the write, and the operation failed afterwards.',
      next: 'Look at the state of {vm} in the portal; the next sweep tries again.',
    },
    throttled: {
      meaning: 'Azure kept answering that there were too many requests.',
      next: 'The next sweep tries again. Lower CAPACITY_SHARE_PERCENT if it stays.',
      passing: true,
    },
    transient: {
      meaning: 'Azure or the network failed each time.',
      next: 'The next sweep tries again. If it stays, look at the message and at Azure status.',
      passing: true,
    },
    'not-allowed': {
      meaning: 'Azure does not allow the write in the state the VM is in.',
      next: 'Look at the message and at the state of {vm}; the next sweep tries again.',
    },
    'signed-out': {
      meaning: 'Azure did not accept our sign-in.',
      next: 'Check AZURE_CLIENT_ID and that the identity is assigned to the app; outside Azure, run az login.',
      passing: true,
    },
    'invalid-request': {
      meaning: 'Azure called the request invalid.',
      next: 'Look at the message; if the settings are right, report it as a defect.',
    },
    unexpected: {
      meaning: 'An answer this app does not know.',
      next: 'Look at the message, and report it as a defect.',
    },
  },
} as const satisfies Record<string, Record<string, Reason>>;
