import { guidOf } from './principals.ts';

type Bag = Record<string, unknown>;

const bag = (value: unknown): Bag => (value !== null && typeof value === 'object' ? (value as Bag) : {});

/** What Compute makes of the properties of a create before it answers: defaults in, secrets out (a09, a10, a12). */
export function acceptedProperties(properties: unknown): Bag {
  const given = bag(properties);
  const storage = bag(given.storageProfile);
  const { adminPassword: _, ...os } = bag(given.osProfile);
  const linux = os.windowsConfiguration === undefined;
  return {
    ...given,
    ...(given.storageProfile !== undefined && {
      storageProfile: {
        ...storage,
        osDisk: { osType: linux ? 'Linux' : 'Windows', ...bag(storage.osDisk) },
        dataDisks: storage.dataDisks ?? [],
      },
    }),
    ...(given.osProfile !== undefined && {
      osProfile: {
        ...os,
        ...(os.linuxConfiguration !== undefined && {
          linuxConfiguration: { provisionVMAgent: true, ...bag(os.linuxConfiguration) },
        }),
        secrets: os.secrets ?? [],
        allowExtensionOperations: os.allowExtensionOperations ?? true,
        requireGuestProvisionSignal: os.requireGuestProvisionSignal ?? true,
      },
    }),
  };
}

/** What more is known once the VM is made: its disk (a09, a10, a12). */
export function createdProperties(accepted: Bag, vmId: string): Bag {
  const storage = bag(accepted.storageProfile);
  const osDisk = bag(storage.osDisk);
  if (Object.keys(osDisk).length === 0) return accepted;
  const name =
    osDisk.name ?? `${vmId.split('/').at(-1)}_OsDisk_1_${guidOf(`disk ${vmId}`).replaceAll('-', '')}`;
  const id = `${vmId.split('/').slice(0, 5).join('/')}/providers/Microsoft.Compute/disks/${name}`;
  return {
    ...accepted,
    storageProfile: {
      ...storage,
      osDisk: {
        ...osDisk,
        name,
        managedDisk: { ...bag(osDisk.managedDisk), id },
        diskSizeGB: osDisk.diskSizeGB ?? 30,
      },
    },
  };
}
