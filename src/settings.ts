// Longer than most files on purpose: every setting of the app is here, and nowhere else.
import { z } from 'zod';
import type { ExclusionTag, IdentityMode, Policy } from './domain/policy.ts';
import { printable } from './domain/printable.ts';
import {
  fold,
  isGuid,
  isResourceGroupName,
  parseIdentityId,
  parseScope,
  type Scope,
} from './domain/resourceId.ts';
import { isSchedule } from './schedule.ts';

/** A schema for one setting: reads its text, or says what was expected. */
function setting<T>(expected: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

const choice = <const T extends string>(...values: T[]) =>
  setting(`one of ${values.join(', ')}`, (text) =>
    values.find((value) => value.toLowerCase() === text.toLowerCase()),
  );
const flags = new Map([
  ['true', true],
  ['false', false],
]);
const flag = () => setting('true or false', (text) => flags.get(text.toLowerCase()));
const wholeNumber = (from: number, to: number) =>
  setting(`a whole number from ${from} to ${to}`, (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : undefined,
  );
const passing = (expected: string, passes: (text: string) => boolean) =>
  setting(expected, (text) => (passes(text) ? text : undefined));
const matching = (expected: string, form: RegExp) => passing(expected, (text) => form.test(text));
const groupName = () => passing('a resource group name', isResourceGroupName);
const identityName = (longest: number) =>
  matching(
    `an identity name: letters, digits, "-" and "_", at most ${longest}`,
    new RegExp(`^[A-Za-z0-9][\\w-]{0,${longest - 1}}$`),
  );
const scopes = (expected: string, allowVm: boolean) =>
  setting(`a comma-separated list of ${expected}`, (text) => {
    const parsed = text.split(',').map((part) => parseScope(part.trim()));
    const fits = (scope: Scope | undefined) =>
      scope !== undefined && (allowVm || scope.kind !== 'virtualMachine');
    return parsed.every(fits) ? (parsed as Scope[]) : undefined;
  });

const REGION = /^[A-Za-z0-9]{2,40}$/;
const listOf = (expected: string, passes: (text: string) => boolean) =>
  setting(`a comma-separated list of ${expected}`, (text) => {
    const parts = text.split(',').map((part) => part.trim());
    return parts.every(passes) ? new Set(parts.map(fold)) : undefined;
  });

// What a resource may have in Azure (azure-facts, section 12).
const MOST_TAGS = 50;
const LONGEST_TAG_NAME = 512;
const LONGEST_TAG_VALUE = 256;

/** When the timer sweeps unless SWEEP_SCHEDULE says otherwise. */
export const HOURLY = '0 0 * * * *';

const SCOPE_FORMS =
  '/providers/Microsoft.Management/managementGroups/{id}, /subscriptions/{guid} or /subscriptions/{guid}/resourceGroups/{name}';

/** Every setting: its name, check, default and the sentence the README's table has. */
export const settingsSchema = z.object({
  SCOPES: scopes(SCOPE_FORMS, false).describe(
    'Where the app works: comma-separated ids of management groups, subscriptions and resource groups.',
  ),
  EXCLUDED_SCOPES: scopes(`${SCOPE_FORMS}, or ids of virtual machines`, true)
    .optional()
    .describe('What is left out of the scopes: the same forms, and ids of single virtual machines.'),
  EXCLUSION_TAG: setting('name or name=value', readTag)
    .optional()
    .describe('VMs with this tag are left alone: `name`, or `name=value` for one value only.'),
  INCLUDE_MANAGED_GROUPS: flag()
    .prefault('false')
    .describe('Also VMs in resource groups that a service manages (AKS, Databricks and others).'),
  ONLY_SUBSCRIPTIONS: listOf('subscription ids (GUIDs)', isGuid)
    .optional()
    .describe(
      'For a staged roll-out: only VMs in these subscriptions, comma-separated. Unset, all in scope.',
    ),
  ONLY_REGIONS: listOf('regions such as eastus', (text) => REGION.test(text))
    .optional()
    .describe('For a staged roll-out: only VMs in these regions, comma-separated. Unset, all.'),
  EFFECT: choice('DeployIfNotExists', 'AuditIfNotExists', 'Disabled')
    .prefault('DeployIfNotExists')
    .describe(
      'As in the policy: `DeployIfNotExists` assigns, `AuditIfNotExists` only reports, `Disabled` does nothing.',
    ),
  SINGLE_IDENTITY_RULE: choice('imds', 'always')
    .prefault('imds')
    .describe(
      'Which VMs with exactly one user-assigned identity are left alone: `imds`, those where programs would lose their default identity; `always`, all.',
    ),
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: flag()
    .prefault('false')
    .describe(
      '`true`: assign identities that you made, instead of one the app creates per subscription and region.',
    ),
  RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: flag()
    .prefault('true')
    .describe(
      'With your own identities: `true`, one in each subscription, found by name and group; `false`, one for all.',
    ),
  USER_ASSIGNED_IDENTITY_NAME: identityName(128)
    .optional()
    .describe('Name of your own identity in each subscription.'),
  IDENTITY_RESOURCE_GROUP: groupName()
    .optional()
    .describe('Resource group of your own identity in each subscription.'),
  USER_ASSIGNED_IDENTITY_RESOURCE_ID: setting(
    'the id of a user-assigned identity: /subscriptions/{guid}/resourceGroups/{name}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}',
    (text) => parseIdentityId(text)?.id,
  )
    .optional()
    .describe('Id of your own identity for all VMs.'),
  BUILT_IN_IDENTITY_RESOURCE_GROUP: groupName()
    .prefault('built-in-identity-rg')
    .describe('Resource group of the identities the app creates, in each subscription.'),
  BUILT_IN_IDENTITY_RESOURCE_GROUP_LOCATION: matching('a region such as eastus', REGION)
    .prefault('eastus')
    .describe('Where that group is created when it is missing.'),
  BUILT_IN_IDENTITY_NAME_PREFIX: identityName(80)
    .prefault('built-in-identity')
    .describe('Identities are named `{prefix}-{region}`.'),
  IDENTITY_TAGS: setting(
    `name=value;name=value, at most ${MOST_TAGS}, names of at most ${LONGEST_TAG_NAME} characters and values of ${LONGEST_TAG_VALUE}`,
    readTags,
  )
    .optional()
    .describe('Tags put on groups and identities the app creates: `name=value;name=value`.'),
  LOCK_IDENTITIES: flag().prefault('true').describe('Protect the identities with a CanNotDelete lock.'),
  CAPACITY_SHARE_PERCENT: wholeNumber(1, 100)
    .prefault('70')
    .describe('Our share of each of Azure’s shared throttle limits, in percent.'),
  MAX_ASSIGNMENTS_PER_SWEEP: wholeNumber(1, 100_000_000)
    .optional()
    .describe('A sweep stops assigning after this many VMs.'),
  FAILURE_THRESHOLD_PERCENT: wholeNumber(0, 100)
    .prefault('100')
    .describe(
      'A region is stopped early when more than this share of the VMs looked at failed, in percent. Until 20 were looked at, the share is of 20; 100 never stops, 0 stops at the first failure.',
    ),
  CONFIRM_AFTER_SECONDS: wholeNumber(0, 600)
    .prefault('12')
    .describe('How long after a write the VM is read again to confirm it, in seconds.'),
  SWEEP_SCHEDULE: passing('six NCRONTAB fields such as 0 0 * * * *', isSchedule)
    .prefault(HOURLY)
    .describe('When the timer sweeps: NCRONTAB, six fields, UTC.'),
  AZURE_CLIENT_ID: passing('a client id (GUID)', isGuid)
    .optional()
    .describe(
      'Client id of the remediator’s identity. Set, that managed identity signs in and nobody else. Unset, outside Azure: your own sign-in, such as `az login`.',
    ),
  REMEDIATOR_OBJECT_ID: passing('an object id (GUID)', isGuid)
    .optional()
    .describe(
      'Object id of the remediator’s identity: events of its own writes are recognised by it, too, beside the client id.',
    ),
  AZURE_CLOUD: choice('AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud')
    .prefault('AzureCloud')
    .describe('Which Azure: `AzureCloud`, `AzureUSGovernment` or `AzureChinaCloud`.'),
  ARM_ENDPOINT: setting('an https URL without a path', readEndpoint)
    .optional()
    .describe(
      'Explicit Resource Manager endpoint, by default that of the cloud. This is how the embedded Azure is reached.',
    ),
  APPLICATIONINSIGHTS_CONNECTION_STRING: matching('a connection string', /=/)
    .optional()
    .describe('Where telemetry goes.'),
});

type Values = z.output<typeof settingsSchema>;

/** The settings of the app, checked and typed. */
export interface Settings {
  readonly scopes: readonly Scope[];
  readonly excludedScopes: readonly Scope[];
  readonly policy: Policy;
  readonly resourceGroupLocation: string;
  readonly identityTags: Readonly<Record<string, string>>;
  readonly lockIdentities: boolean;
  /** Our share of shared limits, 0 to 1. */
  readonly capacityShare: number;
  readonly maxAssignments: number;
  /** 0 to 1; 1 never stops a region. */
  readonly failureThreshold: number;
  readonly confirmAfterMs: number;
  readonly sweepSchedule: string;
  readonly clientId: string | undefined;
  readonly objectId: string | undefined;
  readonly cloud: Values['AZURE_CLOUD'];
  readonly armEndpoint: string | undefined;
  readonly applicationInsights: string | undefined;
}

/** Settings that cannot be used. The message lists every bad one: name, value, what was expected. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * Reads the settings from environment variables. An empty variable counts as unset.
 * Returns a frozen object; throws one SettingsError that lists everything that is wrong.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(
    Object.keys(settingsSchema.shape)
      .map((name) => [name, env[name]?.trim()] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settingsSchema.safeParse(given);
  const bad = (parsed.error?.issues ?? []).map((issue) =>
    describeBad(String(issue.path[0]), given[String(issue.path[0])], issue.message),
  );
  bad.push(...missingForOwnIdentity(given));
  if (!parsed.success || bad.length > 0) {
    throw new SettingsError(`Settings are wrong:\n${bad.map((line) => `  ${line}`).join('\n')}`);
  }
  return Object.freeze(toSettings(parsed.data));
}

function describeBad(name: string, value: string | undefined, expected: string): string {
  if (value === undefined) {
    const sentence = settingsSchema.shape[name as keyof Values].description;
    return `${name} is not set. ${sentence}`;
  }
  const shown =
    name === 'APPLICATIONINSIGHTS_CONNECTION_STRING'
      ? 'a value'
      : JSON.stringify(printable(value.slice(0, 200)));
  return `${name} is ${shown}, expected ${expected}.`;
}

/** What a mode of bringing your own identity needs besides itself; read from the raw text so that all is listed. */
function missingForOwnIdentity(given: Readonly<Record<string, string | undefined>>): string[] {
  const is = (name: keyof Values, text: string) => given[name]?.toLowerCase() === text;
  if (!is('BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY', 'true')) return [];
  const needed: (keyof Values)[] = is('RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION', 'false')
    ? ['USER_ASSIGNED_IDENTITY_RESOURCE_ID']
    : ['USER_ASSIGNED_IDENTITY_NAME', 'IDENTITY_RESOURCE_GROUP'];
  return needed
    .filter((name) => given[name] === undefined)
    .map(
      (name) =>
        `${describeBad(name, undefined, '')} Needed with BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY=true.`,
    );
}

function toSettings(values: Values): Settings {
  return {
    scopes: values.SCOPES,
    excludedScopes: values.EXCLUDED_SCOPES ?? [],
    policy: Object.freeze({
      effect: values.EFFECT,
      identity: identityMode(values),
      singleIdentityRule: values.SINGLE_IDENTITY_RULE,
      exclusionTag: values.EXCLUSION_TAG,
      includeManagedGroups: values.INCLUDE_MANAGED_GROUPS,
      onlySubscriptions: values.ONLY_SUBSCRIPTIONS,
      onlyRegions: values.ONLY_REGIONS,
    }),
    resourceGroupLocation: values.BUILT_IN_IDENTITY_RESOURCE_GROUP_LOCATION,
    identityTags: values.IDENTITY_TAGS ?? {},
    lockIdentities: values.LOCK_IDENTITIES,
    capacityShare: values.CAPACITY_SHARE_PERCENT / 100,
    maxAssignments: values.MAX_ASSIGNMENTS_PER_SWEEP ?? Number.POSITIVE_INFINITY,
    failureThreshold: values.FAILURE_THRESHOLD_PERCENT / 100,
    confirmAfterMs: values.CONFIRM_AFTER_SECONDS * 1000,
    sweepSchedule: values.SWEEP_SCHEDULE,
    clientId: values.AZURE_CLIENT_ID,
    objectId: values.REMEDIATOR_OBJECT_ID,
    cloud: values.AZURE_CLOUD,
    armEndpoint: values.ARM_ENDPOINT,
    applicationInsights: values.APPLICATIONINSIGHTS_CONNECTION_STRING,
  };
}

function identityMode(values: Values): IdentityMode {
  if (!values.BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY) {
    return {
      kind: 'builtIn',
      resourceGroup: values.BUILT_IN_IDENTITY_RESOURCE_GROUP,
      namePrefix: values.BUILT_IN_IDENTITY_NAME_PREFIX,
    };
  }
  if (!values.RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION) {
    return { kind: 'ownCentral', id: values.USER_ASSIGNED_IDENTITY_RESOURCE_ID as string };
  }
  return {
    kind: 'ownInSubscription',
    resourceGroup: values.IDENTITY_RESOURCE_GROUP as string,
    name: values.USER_ASSIGNED_IDENTITY_NAME as string,
  };
}

function readTag(text: string): ExclusionTag | undefined {
  const [name = '', ...value] = text.split('=');
  if (name.trim() === '') return undefined;
  return { name: name.trim(), value: value.length === 0 ? undefined : value.join('=').trim() };
}

function readTags(text: string): Record<string, string> | undefined {
  const tags = text
    .split(';')
    .filter((part) => part.trim() !== '')
    .map(readTag);
  if (tags.length > MOST_TAGS || !tags.every(canBePut)) return undefined;
  return Object.fromEntries((tags as ExclusionTag[]).map((tag) => [tag.name, tag.value as string]));
}

function canBePut(tag: ExclusionTag | undefined): boolean {
  if (tag?.value === undefined) return false;
  return tag.name.length <= LONGEST_TAG_NAME && tag.value.length <= LONGEST_TAG_VALUE;
}

// https only: the SDKs refuse to send a token over plain http, and so do we, before they try.
function readEndpoint(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare = url?.protocol === 'https:' && url.pathname === '/' && url.search === '' && url.username === '';
  return bare ? url.origin : undefined;
}
