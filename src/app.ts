import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { type AzureClients, createClients } from './azure/clients.ts';
import { clouds } from './azure/clouds.ts';
import { type ReportsContainer, reportsContainer } from './azure/reportsContainer.ts';
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
  /** Where reports are kept; undefined without a storage account, as on a person's machine. */
  readonly reports: ReportsContainer | undefined;
}

/**
 * Builds the app from environment variables: the only place where settings, credential and clients come together.
 * Sends nothing. Throws SettingsError when settings are wrong.
 */
export function createApp(env: Readonly<Record<string, string | undefined>>): App {
  const settings = readSettings(env);
  const cloud = clouds[settings.cloud];
  const armEndpoint = settings.armEndpoint ?? cloud.armEndpoint;
  const signIn = credential(settings, cloud.authorityHost);
  const clients = createClients({
    credential: signIn,
    armEndpoint,
    tokenScope: cloud.tokenScope,
    random: Math.random,
  });
  const reports = reportsContainer(env, signIn);
  return { settings, clients, clock: systemClock, random: Math.random, armEndpoint, reports };
}

function credential({ clientId }: Settings, authorityHost: string): TokenCredential {
  return clientId === undefined
    ? new DefaultAzureCredential({ authorityHost })
    : new ManagedIdentityCredential({ clientId });
}
