import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { type AzureClients, createClients } from './azure/clients.ts';
import { clouds } from './azure/clouds.ts';
import { type PoisonQueues, poisonQueues } from './azure/poisonQueues.ts';
import { type ReportsContainer, reportsContainer } from './azure/reportsContainer.ts';
import { steadyCredential } from './azure/steadyCredential.ts';
import { type Clock, fastClock, systemClock } from './clock.ts';
import { readSettings, type Settings, SettingsError } from './settings.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

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
  /** What the host has given up; undefined likewise. */
  readonly poison: PoisonQueues | undefined;
}

/**
 * Builds the app from environment variables: the only place where settings, credential and clients come together.
 * `ownClock` is for tests that move time. Sends nothing. Throws SettingsError when settings are wrong.
 */
export function createApp(env: Readonly<Record<string, string | undefined>>, ownClock?: Clock): App {
  const settings = readSettings(env);
  const cloud = clouds[settings.cloud];
  const armEndpoint = settings.armEndpoint ?? cloud.armEndpoint;
  const clock = ownClock ?? clockFor(env.EMBEDDED_AZURE_CLOCK, armEndpoint);
  const signIn = credential(settings, cloud.authorityHost);
  const clients = createClients({
    credential: signIn,
    armEndpoint,
    tokenScope: cloud.tokenScope,
    clock,
    capacityShare: settings.capacityShare,
    random: Math.random,
  });
  const [reports, poison] = [reportsContainer(env, signIn), poisonQueues(env, signIn)];
  return { settings, clients, clock, random: Math.random, armEndpoint, reports, poison };
}

/**
 * The clock of the Azure in use. `EMBEDDED_AZURE_CLOCK` is no setting: an embedded Azure that runs faster than time
 * prints it among its variables, `{speed}@{origin in ms}`, so that every process has its time. It means nothing with an
 * ARM_ENDPOINT that is not on this machine.
 */
function clockFor(fast: string | undefined, armEndpoint: string): Clock {
  if (!fast || !LOOPBACK.test(new URL(armEndpoint).hostname)) return systemClock;
  const [, speed, origin] = /^(\d+(?:\.\d+)?)@(\d+)$/.exec(fast) ?? [];
  if (!(Number(speed) > 0)) {
    throw new SettingsError(
      `EMBEDDED_AZURE_CLOCK is ${JSON.stringify(fast)}, expected {speed}@{origin in ms}.`,
    );
  }
  return fastClock(Number(speed), Number(origin));
}

function credential({ clientId }: Settings, authorityHost: string): TokenCredential {
  return steadyCredential(
    clientId === undefined
      ? new DefaultAzureCredential({ authorityHost })
      : new ManagedIdentityCredential({ clientId }),
  );
}
