import type { IdentityMode } from './policy.ts';
import { foldLocation, identityId } from './resourceId.ts';

/**
 * The id of the identity a VM of this subscription and location should carry (R1-R3):
 * built-in, one per subscription and region; brought, the same name in the VM's own subscription;
 * central, one for all.
 */
export function goalIdentity(mode: IdentityMode, vm: { subscriptionId: string; location: string }): string {
  switch (mode.kind) {
    case 'builtIn':
      return identityId(
        vm.subscriptionId,
        mode.resourceGroup,
        `${mode.namePrefix}-${foldLocation(vm.location)}`,
      );
    case 'ownInSubscription':
      return identityId(vm.subscriptionId, mode.resourceGroup, mode.name);
    case 'ownCentral':
      return mode.id;
  }
}
