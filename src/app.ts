import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { type AzureClients, createClients } from './azure/clients.ts';
import { clouds } from './azure/clouds.ts';
import { type Clock, systemClock } from './clock.ts';
import { readSettings, type Settings } from './settings.ts';

/** Everything the verbs of `remediation/` need, built once. */
export interface App {
  readonly settings: Settings;
  readonly clients: AzureClients;
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
  /** The Resource Manager in use, without a path. */
  readonly armEndpoint: string;
}

/**
 * Builds the app from environment variables: the only place where settings, credential and clients come together.
 * Sends nothing. Throws SettingsError when settings are wrong.
 */
export function createApp(env: Readonly<Record<string, string | undefined>>): App {
  const settings = readSettings(env);
  const cloud = clouds[settings.cloud];
  const armEndpoint = settings.armEndpoint ?? cloud.armEndpoint;
  const clients = createClients({
    credential: credential(settings, cloud.authorityHost),
    armEndpoint,
    tokenScope: cloud.tokenScope,
    random: Math.random,
  });
  return { settings, clients, clock: systemClock, random: Math.random, armEndpoint };
}

function credential({ clientId }: Settings, authorityHost: string): TokenCredential {
  return clientId === undefined
    ? new DefaultAzureCredential({ authorityHost })
    : new ManagedIdentityCredential({ clientId });
}
