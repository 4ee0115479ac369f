import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployed, infraText, onlyDeployed, readTemplate, templateFiles, withModules } from './template.ts';

const names = Object.keys(templateFiles) as (keyof typeof templateFiles)[];

describe('every template', () => {
  const modules = names.flatMap((name) =>
    [...withModules(readTemplate(name))].map(({ path, template }) => ({ path: `${name}${path}`, template })),
  );

  it('says of each parameter, also of modules, whether it is required or optional', () => {
    const all = modules.flatMap(({ path, template }) =>
      Object.entries(template.parameters ?? {}).map(([name, parameter]) => ({
        name: `${path}/${name}`,
        parameter,
      })),
    );

    assert.ok(all.length > 80);
    for (const { name, parameter } of all) {
      const optional = parameter.nullable === true || parameter.defaultValue !== undefined;
      const word = optional ? 'Optional. ' : 'Required. ';
      assert.ok(parameter.metadata?.description?.startsWith(word), `${name} lacks "${word}"`);
    }
  });

  it('describes each output', () => {
    for (const { path, template } of modules) {
      for (const [name, output] of Object.entries(template.outputs ?? {})) {
        assert.ok(output.metadata?.description, `${path}/${name} has no description`);
      }
    }
  });

  it('reads no key and knows no secret', () => {
    for (const name of names) {
      assert.doesNotMatch(
        infraText(templateFiles[name]),
        /\blist[A-Z]\w*\(|securestring|secureobject|AccountKey|SharedAccess/i,
      );
    }
  });
});

describe('what main.bicep makes', () => {
  const sample = 'main.minimal';
  const lastNames = (type: string) => deployed(sample, type).map(({ name }) => name.split('/').at(-1));

  it('is a storage account that no key opens and nobody reads unseen', () => {
    const { properties } = onlyDeployed(sample, 'Microsoft.Storage/storageAccounts');

    assert.equal(properties.allowSharedKeyAccess, false);
    assert.equal(properties.allowBlobPublicAccess, false);
    assert.equal(properties.minimumTlsVersion, 'TLS1_2');
    assert.equal(properties.supportsHttpsTrafficOnly, true);
  });

  it('has the queues of the functions with their poison queues, and the containers', () => {
    assert.deepEqual(lastNames('Microsoft.Storage/storageAccounts/queueServices/queues'), [
      'regions',
      'regions-poison',
      'virtual-machines',
      'virtual-machines-poison',
    ]);
    const containers = deployed(sample, 'Microsoft.Storage/storageAccounts/blobServices/containers');
    assert.deepEqual(
      containers.map(({ name, properties }) => [name.split('/').at(-1), properties.publicAccess]),
      [
        ['deployment', 'None'],
        ['reports', 'None'],
        ['dead-letters', 'None'],
      ],
    );
  });

  it('takes telemetry in only from who has signed in', () => {
    const insights = onlyDeployed(sample, 'Microsoft.Insights/components').properties;
    const workspace = onlyDeployed(sample, 'Microsoft.OperationalInsights/workspaces').properties;

    assert.equal(insights.DisableLocalAuth, true);
    assert.equal(workspace.features.disableLocalAuth, true);
  });

  it('is an app with the remediator as its only identity, and without passwords to deploy with', () => {
    const { identity, properties } = onlyDeployed(sample, 'Microsoft.Web/sites');
    const passwords = deployed(sample, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies');

    assert.equal(properties.httpsOnly, true);
    assert.equal(identity?.type, 'UserAssigned');
    assert.match(Object.keys(identity?.userAssignedIdentities ?? {}).join(), /\/id-vm-identity-remediator$/);
    assert.equal(
      properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId,
      Object.keys(identity?.userAssignedIdentities ?? {})[0],
    );
    assert.deepEqual(
      passwords.map(({ properties }) => properties.allow),
      [false, false],
    );
  });

  it('gives the identities these roles inside its own group, and no other', () => {
    const grants = deployed(sample, 'Microsoft.Authorization/roleAssignments').map(({ properties }) => ({
      who: /userAssignedIdentities\/([\w-]+)/.exec(properties.principalId)?.[1],
      role: properties.description,
      roleId: properties.roleDefinitionId.split('/').at(-1),
    }));

    assert.deepEqual(
      grants.map(({ who, role, roleId }) => `${who}: ${role} ${roleId}`),
      [
        'id-vm-identity-remediator: Storage Blob Data Owner b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
        'id-vm-identity-remediator: Storage Queue Data Contributor 974c5e8b-45b9-4653-ba55-5f855dd0fb88',
        'id-vm-identity-remediator: Storage Table Data Contributor 0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
        'id-vm-identity-remediator: Monitoring Metrics Publisher 3913510d-42f4-4e42-8a64-420c390055eb',
        'id-vm-identity-dead-letters: Storage Blob Data Contributor ba92f5b4-2d11-453d-a403-e96b0029c9fe',
      ],
    );
  });

  it('lets the writer of dead letters into their container alone', () => {
    const grant = deployed(sample, 'Microsoft.Authorization/roleAssignments').at(-1);

    assert.match(grant?.id ?? '', /\/containers\/dead-letters\/providers\/Microsoft.Authorization\//);
  });

  it('tells somebody only when there is somebody to tell', () => {
    assert.equal(deployed(sample, 'Microsoft.Insights/actionGroups').length, 0);
    assert.equal(deployed('main.full', 'Microsoft.Insights/actionGroups').length, 1);
  });
});
