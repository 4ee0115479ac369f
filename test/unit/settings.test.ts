import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { readSettings, SettingsError, settingsSchema } from '../../src/settings.ts';
import { otherIdentity, SUBSCRIPTION } from '../builders.ts';

const SCOPES = `/subscriptions/${SUBSCRIPTION}`;

function errorOf(env: Record<string, string>): string {
  try {
    readSettings(env);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.message;
  }
  assert.fail('the settings were accepted');
}

// Each setting with a text it must refuse.
const bad: Record<string, string> = {
  SCOPES: 'Contoso',
  EXCLUDED_SCOPES: '/subscriptions/nope',
  EXCLUSION_TAG: '=x',
  INCLUDE_MANAGED_GROUPS: 'yes',
  ONLY_SUBSCRIPTIONS: 'Online Shop',
  ONLY_REGIONS: 'eastus,west us',
  EFFECT: 'Modify',
  SINGLE_IDENTITY_RULE: 'never',
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: '1',
  RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'no',
  USER_ASSIGNED_IDENTITY_NAME: 'a/b',
  IDENTITY_RESOURCE_GROUP: 'rg?',
  USER_ASSIGNED_IDENTITY_RESOURCE_ID: SCOPES,
  BUILT_IN_IDENTITY_RESOURCE_GROUP: 'rg.',
  BUILT_IN_IDENTITY_RESOURCE_GROUP_LOCATION: 'east us',
  BUILT_IN_IDENTITY_NAME_PREFIX: '-x',
  IDENTITY_TAGS: 'owner',
  LOCK_IDENTITIES: 'maybe',
  CAPACITY_SHARE_PERCENT: '0',
  MAX_ASSIGNMENTS_PER_SWEEP: '1.5',
  FAILURE_THRESHOLD_PERCENT: '101',
  CONFIRM_AFTER_SECONDS: '-1',
  SWEEP_SCHEDULE: '0 * * * *',
  AZURE_CLIENT_ID: 'me',
  REMEDIATOR_OBJECT_ID: 'mine',
  AZURE_CLOUD: 'AzureGermanCloud',
  ARM_ENDPOINT: 'http://localhost',
  APPLICATIONINSIGHTS_CONNECTION_STRING: 'x',
};

describe('readSettings', () => {
  it('takes the defaults of the built-in policy', () => {
    const settings = readSettings({ SCOPES, EFFECT: ' ' });

    assert.deepEqual(settings.policy, {
      effect: 'DeployIfNotExists',
      identity: { kind: 'builtIn', resourceGroup: 'built-in-identity-rg', namePrefix: 'built-in-identity' },
      singleIdentityRule: 'imds',
      exclusionTag: undefined,
      includeManagedGroups: false,
      onlySubscriptions: undefined,
      onlyRegions: undefined,
    });
    assert.ok(Object.isFrozen(settings));
  });

  for (const [name, value] of Object.entries(bad)) {
    it(`refuses ${name}=${value}, naming it, its value and what was expected`, () => {
      const message = errorOf({ SCOPES, [name]: value });

      const line = message.split('\n').find((text) => text.includes(name)) ?? '';
      assert.match(line, /expected [a-z0-9/]/);
      if (name !== 'APPLICATIONINSIGHTS_CONNECTION_STRING') assert.ok(line.includes(JSON.stringify(value)));
    });
  }

  it('has a refused text for every setting in the test above', () => {
    assert.deepEqual(Object.keys(bad), Object.keys(settingsSchema.shape));
  });

  it('lists everything that is wrong in one error', () => {
    const { SCOPES: _, ...others } = bad;

    const message = errorOf(others);

    for (const name of Object.keys(bad)) assert.ok(message.includes(`${name} is `), `${name} is missing`);
  });

  it('reads the three identity modes', () => {
    const own = { SCOPES, BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'True' };
    const inSubscription = { USER_ASSIGNED_IDENTITY_NAME: 'own', IDENTITY_RESOURCE_GROUP: 'rg' };
    const central = {
      RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
      USER_ASSIGNED_IDENTITY_RESOURCE_ID: otherIdentity(),
    };

    assert.deepEqual(readSettings({ ...own, ...inSubscription }).policy.identity, {
      kind: 'ownInSubscription',
      resourceGroup: 'rg',
      name: 'own',
    });
    assert.deepEqual(readSettings({ ...own, ...central }).policy.identity, {
      kind: 'ownCentral',
      id: otherIdentity(),
    });
  });

  it('names what a mode of bringing your own identity lacks', () => {
    const own = { SCOPES, BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true' };

    assert.match(
      errorOf(own),
      /USER_ASSIGNED_IDENTITY_NAME is not set[\s\S]*IDENTITY_RESOURCE_GROUP is not set/,
    );
    assert.match(
      errorOf({ ...own, RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false' }),
      /USER_ASSIGNED_IDENTITY_RESOURCE_ID is not set/,
    );
  });

  it('reads tags with "=" in their values, and lists of them', () => {
    const settings = readSettings({
      SCOPES,
      EXCLUSION_TAG: 'skip=a=b',
      IDENTITY_TAGS: 'owner=me; cost=a=b;',
    });

    assert.deepEqual(settings.policy.exclusionTag, { name: 'skip', value: 'a=b' });
    assert.deepEqual(settings.identityTags, { owner: 'me', cost: 'a=b' });
  });

  it('takes no more tags, and no longer ones, than Azure does', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, n) => `tag-${n}=x`).join(';');
    const one = (name: number, value: number) => `${'n'.repeat(name)}=${'v'.repeat(value)}`;

    for (const IDENTITY_TAGS of [tags(50), one(512, 256)]) readSettings({ SCOPES, IDENTITY_TAGS });
    for (const IDENTITY_TAGS of [tags(51), one(513, 1), one(1, 257)]) {
      assert.match(
        errorOf({ SCOPES, IDENTITY_TAGS }),
        /at most 50, names of at most 512 characters and values of 256/,
      );
    }
  });

  it('reads the lists of a staged roll-out, in whatever letter case', () => {
    const { policy } = readSettings({
      SCOPES,
      ONLY_REGIONS: 'EastUS, westeurope',
      ONLY_SUBSCRIPTIONS: 'ABCDEF00-1111-1111-1111-111111111111',
    });

    assert.deepEqual(policy.onlyRegions, new Set(['eastus', 'westeurope']));
    assert.deepEqual(policy.onlySubscriptions, new Set(['abcdef00-1111-1111-1111-111111111111']));
  });

  it('never shows a connection string', () => {
    assert.doesNotMatch(
      errorOf({ SCOPES: 'x', APPLICATIONINSIGHTS_CONNECTION_STRING: 'secretwithoutsign' }),
      /secret/,
    );
  });
});

describe('the README', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');

  it('lists every setting with its default and sentence', () => {
    for (const [name, schema] of Object.entries(settingsSchema.shape)) {
      const prefault = schema instanceof z.ZodPrefault ? `\`${schema.def.defaultValue}\`` : undefined;
      const fallback = prefault ?? (schema.isOptional() ? '–' : 'required');
      const row = `| \`${name}\` | ${fallback} | ${schema.description} |`;
      assert.ok(readme.includes(row), `the README lacks this row:\n${row}`);
    }
  });
});
