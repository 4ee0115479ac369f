// An embedded Azure in a process of its own, and what its journal comes to: `azureServer.ts OPTIONS`.
import { startAzure } from '../emulator/azure.ts';
import type { AzureDigest, BenchAzureOptions } from './benchAzure.ts';
import { benchFleet } from './fleet.ts';

const VM_PATH = /\/virtualMachines\/[^/]+$/i;

const options = JSON.parse(process.argv[2] ?? '{}') as BenchAzureOptions;
const { fleet, ...behaviour } = options;
const azure = await startAzure({ ...behaviour, fleet: benchFleet(fleet) });

process.on('message', (question: string) => {
  const [what, since] = question.split(' ');
  process.send?.(what === 'acceptedAt' ? acceptedAt() : digest(Number(since)));
});
process.send?.({ env: azure.env, controlEndpoint: azure.controlEndpoint });

/** Of the calls that ended since then. */
function digest(since: number): AzureDigest {
  const { AZURE_CLIENT_ID } = azure.env;
  const calls = { reads: 0, writes: 0, resourceGraph: 0 };
  const refused: Record<string, number> = {};
  let acceptedWrites = 0;
  let lastAcceptedAt = 0;
  for (const { principal, method, path, status, refusedBy, time } of azure.journal.calls()) {
    const at = Date.parse(time);
    if (principal !== AZURE_CLIENT_ID || at < since) continue;
    calls[kindOf(method, path)]++;
    if (status === 429) refused[refusedBy ?? 'other'] = (refused[refusedBy ?? 'other'] ?? 0) + 1;
    if (status >= 300 || !/^(PATCH|PUT)$/.test(method) || !VM_PATH.test(path)) continue;
    acceptedWrites++;
    lastAcceptedAt = at;
  }
  return { calls, refused, acceptedWrites, lastAcceptedAt, undone: undone() };
}

function undone(): number {
  let count = 0;
  for (const { resource } of azure.store.list('microsoft.compute/virtualmachines')) {
    const ids = Object.keys(resource.identity?.userAssignedIdentities ?? {});
    if (!ids.some((id) => /\/built-in-identity-[a-z0-9]+$/i.test(id))) count++;
  }
  return count;
}

/** When the remediator's first write of each VM was accepted, by VM id in lower case. */
function acceptedAt(): Record<string, number> {
  const times: Record<string, number> = {};
  for (const { principal, method, path, status, time } of azure.journal.calls()) {
    if (principal !== azure.env.AZURE_CLIENT_ID || method !== 'PATCH' || status >= 300) continue;
    times[path.toLowerCase()] ??= Date.parse(time);
  }
  return times;
}

function kindOf(method: string, path: string): 'reads' | 'writes' | 'resourceGraph' {
  if (/\/Microsoft\.ResourceGraph\//i.test(path)) return 'resourceGraph';
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';
}
