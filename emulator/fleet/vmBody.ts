import type { ArmIdentity } from '../state/armResource.ts';

/** What is said of a VM; the rest of its body is the same for all. */
export interface VmSpec {
  readonly subscriptionId: string;
  readonly group: string;
  readonly name: string;
  readonly location: string;
  readonly identity?: ArmIdentity | undefined;
  readonly tags?: Record<string, string> | undefined;
  readonly provisioningState?: string | undefined;
  readonly spot?: boolean | undefined;
  /** Id of the flexible scale set it belongs to. */
  readonly scaleSet?: string | undefined;
}

// Shared by all VMs, so that a million of them fit in memory.
const HARDWARE = { vmSize: 'Standard_D2s_v5' };
const IMAGE = { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' };
const STORAGE = {
  imageReference: IMAGE,
  osDisk: { osType: 'Linux', createOption: 'FromImage', caching: 'ReadWrite', diskSizeGB: 30 },
  dataDisks: [],
};

/** A VM in ARM's form, as lean as it can be. */
export function vmBody(spec: VmSpec): unknown {
  const { subscriptionId, group, name, location, identity, tags, provisioningState, spot, scaleSet } = spec;
  return {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}`,
    name,
    type: 'Microsoft.Compute/virtualMachines',
    location,
    ...(tags && { tags }),
    ...(identity && { identity }),
    ...(scaleSet !== undefined && { managedBy: scaleSet }),
    properties: {
      hardwareProfile: HARDWARE,
      storageProfile: STORAGE,
      ...(provisioningState !== undefined && { provisioningState }),
      ...(spot && { priority: 'Spot', evictionPolicy: 'Deallocate' }),
      ...(scaleSet !== undefined && { virtualMachineScaleSet: { id: scaleSet } }),
    },
  };
}
