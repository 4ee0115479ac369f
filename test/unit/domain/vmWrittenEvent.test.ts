import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseScope, type Scope } from '../../../src/domain/resourceId.ts';
import { type EventFilter, judgeEvent } from '../../../src/domain/vmWrittenEvent.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../../builders.ts';

const CLIENT = 'c0ffee00-0000-4000-8000-000000000001';
const OBJECT = 'c0ffee00-0000-4000-8000-0000000000a1';
const ID = `/subscriptions/${SUBSCRIPTION}/resourcegroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-01`;
const scopes = (...texts: string[]) => texts.map((text) => parseScope(text) as Scope);
const filter: EventFilter = {
  scopes: scopes(`/subscriptions/${SUBSCRIPTION}`),
  excludedScopes: [],
  policy: { onlySubscriptions: undefined },
  clientId: CLIENT,
  objectId: OBJECT,
};

function anEvent(data: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}) {
  return {
    id: '1',
    topic: `/subscriptions/${SUBSCRIPTION}`,
    subject: ID,
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: '2026-10-01T08:15:30.1234567Z',
    dataVersion: '2',
    metadataVersion: '1',
    data: {
      authorization: { scope: ID, action: 'Microsoft.Compute/virtualMachines/write', evidence: {} },
      claims: { appid: 'someone' },
      operationName: 'Microsoft.Compute/virtualMachines/write',
      resourceUri: ID,
      status: 'Succeeded',
      ...data,
    },
    ...envelope,
  };
}

function aCloudEvent(data: Record<string, unknown> = {}) {
  const { subject, eventType: type, eventTime: time, data: known } = anEvent(data);
  return {
    specversion: '1.0',
    id: '1',
    source: `/subscriptions/${SUBSCRIPTION}`,
    subject,
    type,
    time,
    data: known,
  };
}

const verdict = (event: unknown, more: Partial<EventFilter> = {}) => {
  const judged = judgeEvent(event, { ...filter, ...more });
  return 'ignored' in judged ? judged.ignored : judged.look.name;
};

describe('judgeEvent looks at', () => {
  const looked: [string, unknown, Partial<EventFilter>?][] = [
    ['a VM write in Event Grid’s schema', anEvent()],
    ['the same as a CloudEvent', aCloudEvent()],
    ['claims and evidence that are empty arrays', anEvent({ claims: [], authorization: { evidence: [] } })],
    ['an event without claims and authorization', anEvent({ claims: undefined, authorization: undefined })],
    ['an event without operationName, by its id', anEvent({ operationName: undefined })],
    ['an event without resourceUri, by its subject', anEvent({ resourceUri: undefined })],
    [
      'an event in upper case',
      anEvent({
        resourceUri: ID.toUpperCase().replace('VM-01', 'vm-01'),
        operationName: 'MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE',
      }),
    ],
    [
      'an event of a subscription that a management group may hold',
      anEvent(),
      { scopes: scopes('/providers/Microsoft.Management/managementGroups/mg') },
    ],
    [
      'an event while the remediator’s ids are not known',
      anEvent({ claims: {} }),
      { clientId: undefined, objectId: undefined },
    ],
  ];
  for (const [name, event, more] of looked) {
    it(name, () => assert.equal(verdict(event, more), 'vm-01'));
  }

  it('and says when the VM was written, if that can be read', () => {
    const when = (event: unknown) => (judgeEvent(event, filter) as { writtenAt?: string }).writtenAt;

    assert.equal(when(anEvent()), '2026-10-01T08:15:30.1234567Z');
    assert.equal(when(aCloudEvent()), '2026-10-01T08:15:30.1234567Z');
    assert.equal(when(anEvent({}, { eventTime: 'yesterday' })), undefined);
  });
});

describe('judgeEvent ignores', () => {
  const extension = `${ID}/extensions/agent`;
  const ignored: [string, unknown, string, Partial<EventFilter>?][] = [
    ['a deletion', anEvent({}, { eventType: 'Microsoft.Resources.ResourceDeleteSuccess' }), 'not-a-vm-write'],
    [
      'an extension',
      anEvent({
        operationName: 'Microsoft.Compute/virtualMachines/extensions/write',
        resourceUri: extension,
      }),
      'not-a-vm-write',
    ],
    [
      'an extension without operationName',
      anEvent({ operationName: undefined, resourceUri: extension }),
      'not-a-vm-id',
    ],
    [
      'an id with a way out of its group',
      anEvent({ resourceUri: ID.replace('rg-app', '..') }),
      'not-a-vm-id',
    ],
    ['a write of ours by client id', anEvent({ claims: { appid: CLIENT.toUpperCase() } }), 'own-write'],
    [
      'a write of ours by object id',
      anEvent({ claims: { 'http://schemas.microsoft.com/identity/claims/objectidentifier': OBJECT } }),
      'own-write',
    ],
    [
      'a write of ours by its evidence',
      anEvent({ claims: {}, authorization: { evidence: { principalId: OBJECT.replaceAll('-', '') } } }),
      'own-write',
    ],
    [
      'another subscription',
      anEvent({ resourceUri: ID.replace(SUBSCRIPTION, OTHER_SUBSCRIPTION) }),
      'out-of-scope',
    ],
    [
      'an excluded group',
      anEvent(),
      'out-of-scope',
      { excludedScopes: scopes(`/subscriptions/${SUBSCRIPTION}/resourceGroups/RG-APP`) },
    ],
    ['an excluded VM', anEvent(), 'out-of-scope', { excludedScopes: scopes(ID) }],
    [
      'another group than the one in scope',
      anEvent(),
      'out-of-scope',
      { scopes: scopes(`/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app2`) },
    ],
    [
      'a subscription that the roll-out has not got to',
      anEvent(),
      'subscription-not-rolled-out',
      { policy: { onlySubscriptions: new Set([OTHER_SUBSCRIPTION]) } },
    ],
    ['nothing at all', undefined, 'not-a-vm-write'],
    ['text', 'event', 'not-a-vm-write'],
  ];
  for (const [name, event, expected, more] of ignored) {
    it(name, () => assert.equal(verdict(event, more), expected));
  }

  it('whatever else comes, without throwing', () => {
    fc.assert(fc.property(fc.anything(), (event) => void judgeEvent(event, filter)));
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (claims, resourceUri) => {
        const judged = judgeEvent(anEvent({ claims, resourceUri }), filter);
        assert.ok('ignored' in judged || judged.look.name === 'vm-01');
      }),
    );
  });
});
