import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lanesOf } from '../../../src/domain/throttleLimits.ts';
import { SUBSCRIPTION } from '../../builders.ts';

const group = `https://arm.example/subscriptions/${SUBSCRIPTION}/resourceGroups/Rg`;
const vm = `${group}/providers/Microsoft.Compute/virtualMachines/Vm-1?api-version=2024-11-01`;
const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id?api-version=2023-01-31`;
const graph = 'https://arm.example/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01';
const poll = `https://arm.example/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/locations/eastus/operations/1?t=2`;

const cases: [string, string, string, string | undefined, string[]][] = [
  ['a read', 'GET', vm, undefined, [`armReads ${SUBSCRIPTION}`]],
  ['a look whether a group exists', 'HEAD', group, undefined, [`armReads ${SUBSCRIPTION}`]],
  ['a poll', 'GET', poll, undefined, [`armReads ${SUBSCRIPTION}`]],
  ['a read of the tenant', 'GET', 'https://arm.example/subscriptions', undefined, ['armReads tenant']],
  ['a query', 'POST', graph, undefined, ['resourceGraph']],
  ['a group', 'PUT', group, undefined, [`armWrites ${SUBSCRIPTION}`]],
  [
    'an identity',
    'PUT',
    identity,
    'eastus',
    [`creations ${SUBSCRIPTION} eastus`, `armWrites ${SUBSCRIPTION}`, 'tenantCreations eastus'],
  ],
  [
    'a VM, its region spelled as people do',
    'PATCH',
    vm,
    'East US',
    [
      `vmUpdates ${SUBSCRIPTION} eastus`,
      `assignments ${SUBSCRIPTION} eastus`,
      `armWrites ${SUBSCRIPTION}`,
      'tenantAssignments eastus',
    ],
  ],
];

describe('lanesOf', () => {
  for (const [name, method, url, location, keys] of cases) {
    it(name, () => {
      assert.deepEqual(
        lanesOf(method, url, location).shared.map(({ key }) => key),
        keys,
      );
    });
  }

  it('knows a VM whatever the letter case and version, and only updates have its lane', () => {
    const shouted = vm.toUpperCase().replace('HTTPS://ARM.EXAMPLE', 'https://arm.example');

    assert.deepEqual(lanesOf('PATCH', shouted, 'EASTUS'), lanesOf('PATCH', vm, 'eastus'));
    assert.notEqual(lanesOf('PATCH', vm, 'eastus').vm, undefined);
    assert.equal(lanesOf('GET', vm).vm, undefined);
  });

  it('gives each bucket one key and each key one bucket', () => {
    const other = vm.replace(SUBSCRIPTION, '22222222-2222-2222-2222-222222222222');
    const one = lanesOf('PATCH', vm, 'eastus').shared.map(({ key }) => key);
    const two = lanesOf('PATCH', other, 'eastus').shared.map(({ key }) => key);

    assert.deepEqual(
      one.filter((key) => two.includes(key)),
      ['tenantAssignments eastus'],
    );
  });
});
