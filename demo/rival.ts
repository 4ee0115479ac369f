import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import { demoRival } from '../emulator/fleet/demo.ts';
import { identityId } from '../emulator/fleet/shapes.ts';
import type { EmbeddedAzure } from '../local/embeddedAzure.ts';

/** Somebody else who writes one VM while the sweep runs. */
export interface Rival {
  /** Waits for the last write and says, in a sentence or two, what became of the VM. */
  end(): Promise<string>;
}

/**
 * Holds the remediator's write to one VM back for a moment and, in between, adds another identity to that VM: the
 * race in which a read-modify-write loses one of the two.
 */
export function watchForRival({ armEndpoint, controlEndpoint, settings }: EmbeddedAzure): Rival {
  const { subscriptionId, group, name } = demoRival;
  // The rival signs in as the host's own identity, not as the remediator.
  const compute = new ComputeManagementClient(new ManagedIdentityCredential(), subscriptionId, {
    endpoint: armEndpoint,
  });
  const backup = identityId({ subscriptionId }, 'rg-identities', 'id-backup');
  const path = `/virtualMachines/${name}$`;
  const writing = race();

  async function race(): Promise<void> {
    await control('POST', '/faults', { method: 'PATCH', path, latencyMs: 20_000 });
    while (!(await wasRead())) await new Promise((resolve) => setTimeout(resolve, 20));
    await compute.virtualMachines
      .createOrUpdate(group, name, {
        location: demoRival.location,
        identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [backup]: {} } },
      })
      .submitted();
  }

  async function wasRead(): Promise<boolean> {
    const calls = (await control('GET', '/journal')) as { method: string; path: string; principal: string }[];
    return calls.some(
      (call) =>
        call.method === 'GET' &&
        call.path.endsWith(`/${name}`) &&
        call.principal === settings.AZURE_CLIENT_ID,
    );
  }

  async function control(method: string, route: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${controlEndpoint}${route}`, init);
    return response.json();
  }

  return {
    async end() {
      await writing;
      const { identity } = await compute.virtualMachines.get(group, name);
      const ids = Object.keys(identity?.userAssignedIdentities ?? {}).map((id) => id.split('/').at(-1));
      return `  Meanwhile another writer changed ${name}, between our read of it and our write. Azure refused our write
  (412, the ETag had moved); we read again and wrote again. The VM now has: ${identity?.type}
  with ${ids.join(' and ')}. Nobody's identity was lost.`;
    },
  };
}
