import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIdentityId, parseScope, parseVmId } from '../../../src/domain/resourceId.ts';
import { aVmId, otherIdentity, SUBSCRIPTION } from '../../builders.ts';

const VM = aVmId().id;

describe('parseVmId', () => {
  it('reads an id in any letter case and spells it canonically', () => {
    const id = parseVmId(VM.toUpperCase().replace('RG-APP', 'Rg-App'));

    assert.equal(id?.resourceGroup, 'Rg-App');
    assert.equal(
      id?.id,
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/Rg-App/providers/Microsoft.Compute/virtualMachines/VM-01`,
    );
  });

  const hostile = {
    'a path trick': VM.replace('rg-app', '..'),
    'a path trick in the name': VM.replace('vm-01', '..'),
    'an encoded slash': VM.replace('vm-01', 'a%2Fb'),
    'a query': `${VM}?api-version=1`,
    'a fragment': `${VM}#x`,
    'another host': `https://evil.example${VM}`,
    'a doubled slash': VM.replace('/providers', '//providers'),
    'a child resource': `${VM}/extensions/x`,
    'a trailing slash': `${VM}/`,
    'a type that merely looks alike': VM.replace('virtualMachines', 'virtualMachineScaleSets'),
    'another provider': VM.replace('Microsoft.Compute', 'Microsoft.ClassicCompute'),
    'a dot matched as any character': VM.replace('Microsoft.Compute', 'MicrosoftxCompute'),
    'a subscription that is no GUID': VM.replace(SUBSCRIPTION, 'my-subscription'),
    'a line break': `${VM}\n`,
    'a NUL': VM.replace('vm-01', 'vm\u0000'),
    'a quote': VM.replace('vm-01', "vm'"),
    'a letter that folds into ASCII': VM.replace('subscriptions', 'ſubscriptions'),
    'a group that ends in a period': VM.replace('rg-app', 'rg.'),
    nothing: '',
  };
  for (const [name, text] of Object.entries(hostile)) {
    it(`refuses ${name}`, () => assert.equal(parseVmId(text), undefined));
  }

  it('lets no text through that could change a URL or a query', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (group, name) => {
        const id = parseVmId(VM.replace('rg-app', () => group).replace('vm-01', () => name));
        if (id) assert.doesNotMatch(id.id, /[%?#'"\\\s<>&]|\.\.|\/\//);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseIdentityId', () => {
  it('reads ids as the identity provider writes them, with resourcegroups in lower case', () => {
    const id = parseIdentityId(otherIdentity().replace('resourceGroups', 'resourcegroups'));

    assert.equal(id?.id, otherIdentity());
  });

  it('refuses a VM id', () => assert.equal(parseIdentityId(VM), undefined));
});

describe('parseScope', () => {
  it('reads the four forms', () => {
    const texts = [
      '/providers/microsoft.management/managementgroups/Contoso',
      `/subscriptions/${SUBSCRIPTION}`,
      `/subscriptions/${SUBSCRIPTION}/resourcegroups/rg-app`,
      VM,
    ];

    assert.deepEqual(
      texts.map((text) => parseScope(text)?.kind),
      ['managementGroup', 'subscription', 'resourceGroup', 'virtualMachine'],
    );
  });

  it('refuses anything else', () => {
    const texts = ['', '/', '/subscriptions/', `/subscriptions/${SUBSCRIPTION}/`, 'Contoso', otherIdentity()];
    const more = ['/providers/Microsoft.Management/managementGroups/', `/subscriptions/${SUBSCRIPTION}/x/rg`];

    assert.deepEqual(
      [...texts, ...more].map((text) => parseScope(text)),
      Array(8).fill(undefined),
    );
  });
});
