import { readSettings } from '../src/settings.ts';
import type { EmbeddedAzure } from './embeddedAzure.ts';
import { now } from './events.ts';
import type { Flags } from './flags.ts';
import type { LocalHost } from './host.ts';

/** What was started and where, in words for people, or in one JSON line. */
export function banner(
  host: LocalHost,
  azure: EmbeddedAzure | undefined,
  deliveries: readonly string[],
  { json, workers }: Pick<Flags, 'json' | 'workers'>,
): string {
  const webhooks = host.functions
    .filter(({ trigger }) => trigger.kind === 'eventGrid')
    .map(({ name }) => name);
  const timers = host.timers.map(({ functionName, next }) => ({
    functionName,
    next: new Date(next()).toISOString(),
  }));
  if (json) {
    return JSON.stringify({
      kind: 'ready',
      time: now(),
      functions: host.functions.map(({ name }) => name),
      workerPids: host.workerPids(),
      connectionString: host.connectionString,
      webhooks: Object.fromEntries(webhooks.map((name) => [name, host.webhookUrl(name)])),
      timers,
      ...(azure && { armEndpoint: azure.armEndpoint, controlEndpoint: azure.controlEndpoint }),
      deliveries,
    });
  }
  const rows: [string, string][] = [
    ['Functions', host.functions.map(({ name }) => name).join(', ')],
    ['Worker processes', String(workers)],
    ['Queues', host.queueEndpoint],
    ...webhooks.map((name): [string, string] => ['Event Grid webhook', host.webhookUrl(name)]),
    ...timers.map(({ functionName, next }): [string, string] => [
      'Next timer tick',
      `${functionName}, ${next}`,
    ]),
  ];
  if (azure) rows.push(['Resource Manager', azure.armEndpoint], ['Control API', azure.controlEndpoint]);
  return [
    '',
    'The local Functions host is running. Ctrl-C stops it.',
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(20)}${value}`),
    ...deliveries.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/**
 * What a run against real Azure will do, said before it starts, by the app's own reading of the settings. Throws an Error of
 * one line when SCOPES is missing, SettingsError when settings are wrong.
 */
export function realAzureNotice(settings: Readonly<Record<string, string | undefined>>): string {
  if (!settings.SCOPES?.trim())
    throw new Error('--azure needs SCOPES, in the environment or in local.settings.json.');
  const { policy, scopes, clientId } = readSettings(settings);
  const writes =
    policy.effect === 'DeployIfNotExists'
      ? 'It WRITES: VMs in scope get their goal identity, and missing groups, identities and locks are made.\n' +
        'Set EFFECT=AuditIfNotExists to look only.'
      : `It writes nothing: EFFECT is ${policy.effect}.`;
  const who = clientId ? `the managed identity ${clientId}` : 'your own sign-in (az login)';
  return `Against real Azure, as ${who}.\nScopes: ${scopes.map(({ id }) => id).join(', ')}\n${writes}`;
}
