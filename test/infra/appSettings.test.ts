import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings, settingsSchema } from '../../src/settings.ts';
import { chosenSettings, moduleOf, onlyDeployed, readTemplate } from './template.ts';

const main = readTemplate('main');
const camelCase = (setting: string) =>
  setting.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe('the app settings of the template', () => {
  const chosen = main.variables?.settings as Record<string, string>;
  const { deployedSettings, hostSettings } = moduleOf(main, 'functionApp').variables as Record<
    string,
    Record<string, string>
  >;

  it('are the settings of the app, all of them', () => {
    const inTemplate = new Set([...Object.keys(chosen), ...Object.keys(deployedSettings ?? {})]);

    const missing = Object.keys(settingsSchema.shape).filter((name) => !inTemplate.has(name));

    assert.deepEqual(missing, []);
  });

  it('name no setting that the app does not have', () => {
    const known = new Set(Object.keys(settingsSchema.shape));

    const unknown = [...Object.keys(chosen), ...Object.keys(deployedSettings ?? {})].filter(
      (name) => !known.has(name),
    );

    assert.deepEqual(unknown, []);
  });

  it('each come from the parameter of the same name', () => {
    for (const [setting, expression] of Object.entries(chosen)) {
      assert.ok(
        expression.includes(`parameters('${camelCase(setting)}')`),
        `${setting} comes from ${expression}`,
      );
    }
  });

  it('have the defaults of the app', () => {
    const { SCOPES } = chosenSettings('main.minimal');

    assert.deepEqual(readSettings(chosenSettings('main.minimal')), readSettings({ SCOPES }));
  });

  it('are read by the app as they were chosen', () => {
    const settings = readSettings(chosenSettings('main.full'));

    assert.deepEqual(
      settings.scopes.map(({ id }) => id),
      [
        '/providers/Microsoft.Management/managementGroups/contoso',
        '/subscriptions/00000000-0000-4000-8000-000000000001',
      ],
    );
    assert.deepEqual(
      settings.excludedScopes.map(({ kind }) => kind),
      ['subscription', 'resourceGroup'],
    );
    assert.deepEqual(settings.identityTags, { costCenter: '42', owner: 'platform' });
    assert.equal(settings.maxAssignments, 1000);
    assert.equal(settings.lockIdentities, false);
    assert.equal(settings.policy.identity.kind, 'ownCentral');
  });

  it('all differ from their defaults in the full sample, so that none is mixed up with another', () => {
    const [minimal, full] = [chosenSettings('main.minimal'), chosenSettings('main.full')];

    const same = Object.keys(chosen).filter((setting) => minimal[setting] === full[setting]);

    assert.deepEqual(same, []);
  });

  it('allow what the app allows, and nothing else', () => {
    const accepts = (setting: string, value: string | number) =>
      settingsSchema.shape[setting as keyof typeof settingsSchema.shape].safeParse(String(value)).success;
    let bounded = 0;
    for (const setting of Object.keys(chosen)) {
      const { allowedValues, minValue, maxValue } = main.parameters?.[camelCase(setting)] ?? {};
      for (const value of allowedValues ?? []) assert.ok(accepts(setting, value), `${setting}=${value}`);
      if (minValue === undefined || maxValue === undefined) continue;
      bounded++;
      for (const [value, fine] of [
        [minValue, true],
        [maxValue, true],
        [minValue - 1, false],
        [maxValue + 1, false],
      ] as const) {
        assert.equal(accepts(setting, value), fine, `${setting}=${value}`);
      }
    }
    assert.equal(bounded, 4);
  });

  it('sign the host in to storage and telemetry as the remediator, without a key', () => {
    assert.deepEqual(hostSettings, {
      AzureWebJobsStorage__accountName: "[parameters('storageAccountName')]",
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__clientId: "[parameters('remediator').clientId]",
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING:
        "[format('ClientId={0};Authorization=AAD', parameters('remediator').clientId)]",
    });
  });

  it('leave the runtime to functionAppConfig, as Flex Consumption wants it', () => {
    const { functionAppConfig, siteConfig } = onlyDeployed('main.minimal', 'Microsoft.Web/sites').properties;

    assert.doesNotMatch(siteConfig.appSettings, /'(FUNCTIONS_|WEBSITE_)/);
    assert.deepEqual(functionAppConfig.runtime, { name: 'node', version: '24' });
    assert.deepEqual(main.parameters?.nodeVersion?.allowedValues, ['22', '24']);
    assert.deepEqual(functionAppConfig.scaleAndConcurrency, {
      instanceMemoryMB: 2048,
      maximumInstanceCount: 40,
    });
  });
});
