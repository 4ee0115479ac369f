import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Azure } from '../emulator/azure.ts';
import { demoSettings } from '../emulator/fleet/demo.ts';
import { startService } from './startService.ts';

/** An embedded Azure in a process of its own. */
export interface EmbeddedAzure {
  readonly controlEndpoint: string;
  readonly armEndpoint: string;
  /** App settings with which the app reaches it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Those of them that say where it is: nothing else may be put in their place. */
  readonly fixed: readonly string[];
  /** Resolves with an Error when it ended by itself. Never rejects. */
  readonly died: Promise<Error>;
  stop(): Promise<void>;
}

/** Starts one. Rejects with what it said when it does not start, as for a fleet that cannot be read. */
export async function startEmbeddedAzure(fleet: string, speed: number): Promise<EmbeddedAzure> {
  const { child, died, stop } = startService(
    'The embedded Azure',
    join(import.meta.dirname, '../emulator/main.ts'),
    ['--fleet', fleet, '--speed', String(speed)],
  );
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = await Promise.race([once(lines, 'line'), died.then((error) => Promise.reject(error))]);
  const { controlEndpoint, armEndpoint, env } = JSON.parse(line) as Pick<
    Azure,
    'controlEndpoint' | 'armEndpoint' | 'env'
  >;
  return {
    controlEndpoint,
    armEndpoint,
    settings: {
      ...env,
      ...(fleet === 'demo' && demoSettings),
    },
    fixed: Object.keys(env).filter((name) => name !== 'SCOPES'),
    died,
    stop,
  };
}

/**
 * Has VM writes delivered to a webhook. Says in one line how that went: without events only the timer finds new VMs.
 * The filter is of the form Azure's event subscriptions have (azure-facts, section 8, "Filters").
 */
export async function subscribe(
  { controlEndpoint, settings }: Pick<EmbeddedAzure, 'controlEndpoint' | 'settings'>,
  name: string,
  endpoint: string,
): Promise<string> {
  const filter = {
    includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess'],
    advancedFilters: [
      {
        operatorType: 'StringIn',
        key: 'data.operationName',
        values: ['Microsoft.Compute/virtualMachines/write'],
      },
      { operatorType: 'StringNotIn', key: 'data.claims.appid', values: [settings.AZURE_CLIENT_ID] },
    ],
  };
  const response = await fetch(`${controlEndpoint}/eventSubscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // Names of event subscriptions have no underscore.
    body: JSON.stringify({ name: name.replaceAll('_', '-'), endpoint, filter }),
  });
  if (response.ok) return `VM writes are delivered to ${name}.`;
  const why =
    response.status === 404 ? 'has no Event Grid' : `answered ${response.status}: ${await response.text()}`;
  return `The embedded Azure ${why}; new VMs are found by the timer only.`;
}
