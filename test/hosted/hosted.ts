import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import type { Azure, AzureOptions } from '../../emulator/azure.ts';
import type { HostEvent } from '../../local/events.ts';
import { type LocalHost, type LocalHostOptions, startLocalHost } from '../../local/host.ts';
import { anAzure, unpaced, VM_PATH } from '../azure.ts';

const repository = join(import.meta.dirname, '../..');

/** The app in worker processes, on real queues, against an embedded Azure in this process. */
export interface Hosted {
  readonly azure: Azure;
  readonly host: LocalHost;
  readonly events: readonly HostEvent[];
  /** Has Event Grid deliver VM writes to `vmWritten`; `more` are options of the event subscription. */
  subscribe(more?: Record<string, unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it. Messages are leased for two seconds and tried again at once, the timer stands still unless asked otherwise. */
export async function hosted(
  settings: Record<string, string> = {},
  options: { azure?: AzureOptions; host?: Partial<LocalHostOptions> } = {},
): Promise<Hosted> {
  const azure = await anAzure(options.azure);
  const root = mkdtempSync(join(tmpdir(), 'hosted-'));
  const hostJson = JSON.parse(readFileSync(join(repository, 'host.json'), 'utf8'));
  hostJson.extensions.queues.visibilityTimeout = '00:00:00';
  writeFileSync(join(root, 'host.json'), JSON.stringify(hostJson));
  const events: HostEvent[] = [];
  const host = await startLocalHost({
    root,
    mainFile: join(repository, 'src/main.ts'),
    leaseSeconds: 2,
    ...options.host,
    settings: {
      EMBEDDED_AZURE_CLOCK: unpaced,
      ...azure.env,
      CONFIRM_AFTER_SECONDS: '0',
      SWEEP_SCHEDULE: '0 0 0 1 1 *',
      ...settings,
    },
    onEvent: (event) => events.push(event),
  });
  return {
    azure,
    host,
    events,
    async subscribe(more = {}) {
      const response = await fetch(`${azure.controlEndpoint}/eventSubscriptions`, {
        method: 'POST',
        body: JSON.stringify({ name: 'vmWritten', endpoint: host.webhookUrl('vmWritten'), ...more }),
      });
      if (!response.ok) throw new Error(await response.text());
    },
    async stop() {
      await host.stop();
      await azure.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** How many VMs carry a goal identity, and which PATCHes were accepted, by VM. */
export function written(azure: Azure): { assigned: number; accepted: Map<string, number> } {
  const accepted = new Map<string, number>();
  for (const { method, path, status } of azure.journal.calls()) {
    if (method !== 'PATCH' || status !== 200 || !VM_PATH.test(path)) continue;
    accepted.set(path.toLowerCase(), (accepted.get(path.toLowerCase()) ?? 0) + 1);
  }
  const assigned = [...azure.store.list('microsoft.compute/virtualmachines')].filter(({ resource }) =>
    Object.keys(resource.identity?.userAssignedIdentities ?? {}).some((id) => /built-in-identity-/i.test(id)),
  ).length;
  return { assigned, accepted };
}

/** Somebody who creates VMs, as a principal that is not the remediator. */
export function creator(azure: Azure, subscriptionId: string): ComputeManagementClient {
  return new ComputeManagementClient(new ManagedIdentityCredential(), subscriptionId, {
    endpoint: azure.armEndpoint,
  });
}

/** The messages of all user and host log lines of a level. */
export function logged(events: readonly HostEvent[], level: string): string[] {
  return events.flatMap((event) => (event.kind === 'log' && event.level === level ? [event.message] : []));
}
