import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errorOfResponse, toAzureError } from '../../src/azure/errors.ts';
import { allows } from '../../src/azure/permissions.ts';
import { countsOf, refusedLimit, toldWaitMs } from '../../src/azure/throttleAnswer.ts';
import { quote } from '../../src/azure/verdictsKql.ts';
import { reasons } from '../../src/domain/reasons.ts';
import { parseIdentityId, parseScope, parseVmId, type Scope } from '../../src/domain/resourceId.ts';
import { judgeEvent } from '../../src/domain/vmWrittenEvent.ts';
import { queues, readMessage, regionMessageSchema, vmMessageSchema } from '../../src/queues.ts';
import { failureReason } from '../../src/remediation/goalIdentities.ts';
import { aVmId, OTHER_SUBSCRIPTION, otherIdentity, SUBSCRIPTION } from '../builders.ts';
import { always } from './always.ts';
import { changed, changedId, hostileText, hostileValue, hugeText, UNPRINTABLE } from './inputs.ts';

const VM = aVmId().id;
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
const PROVIDED = `${GROUP}/providers`;
// A path that no client, proxy or server reads in another way.
const PLAIN = /^(\/[\p{L}\p{N}_\-.()]+)+$/u;

describe('ids from outside', () => {
  const parsers = { parseVmId, parseIdentityId, parseScope };
  for (const [name, parse] of Object.entries(parsers)) {
    it(`${name} lets nothing through that is not a plain path of the id's own form`, () =>
      always(400, 0.05, fc.oneof(...[VM, otherIdentity(), GROUP].map(changedId), hugeText), (text) => {
        const id = parse(text)?.id;
        if (id === undefined) return;
        assert.match(id, PLAIN);
        assert.doesNotMatch(id, /\/\.{1,2}(\/|$)/);
        assert.equal(new URL(id, 'https://arm.example').pathname, encodeURI(id));
        assert.deepEqual(parse(id)?.id, id);
      }));
  }

  it('quote keeps every text inside its KQL literal', () =>
    always(300, 0.04, hugeText, (text) => {
      const inside = quote(text).slice(1, -1);
      assert.doesNotMatch(inside.replaceAll(/\\[\\']/g, ''), /['\\]/);
    }));
});

const scopes = (...texts: string[]) => texts.map((text) => parseScope(text) as Scope);
const filter = {
  scopes: scopes(GROUP),
  excludedScopes: scopes(`${PROVIDED}/Microsoft.Compute/virtualMachines/kept-out`),
  policy: { onlySubscriptions: undefined },
  clientId: OTHER_SUBSCRIPTION,
  objectId: undefined,
};
const data = {
  operationName: 'Microsoft.Compute/virtualMachines/write',
  resourceUri: VM,
  claims: { appid: 'x' },
  authorization: { evidence: {} },
};
const gridEvent = {
  subject: VM,
  eventType: 'Microsoft.Resources.ResourceWriteSuccess',
  eventTime: '2026-01-01T00:00:00Z',
  data,
};
const cloudEvent = {
  specversion: '1.0',
  subject: VM,
  type: gridEvent.eventType,
  time: gridEvent.eventTime,
  data,
};

describe('events and messages', () => {
  const event = fc.oneof(
    changed(gridEvent),
    changed(cloudEvent),
    changedId(VM).map((resourceUri) => ({ ...gridEvent, data: { ...data, resourceUri } })),
    changedId(VM).map((subject) => ({ ...cloudEvent, subject, data: { ...data, resourceUri: undefined } })),
    hostileValue,
  );

  it('an event names a VM in scope, or is ignored', () =>
    always(600, 0.12, event, (one) => {
      const verdict = judgeEvent(one, filter);
      if ('ignored' in verdict) return;
      assert.equal(parseVmId(verdict.look.id)?.id, verdict.look.id);
      assert.ok(verdict.look.id.toLowerCase().startsWith(`${GROUP}/`.toLowerCase()));
      assert.ok(verdict.look.name.toLowerCase() !== 'kept-out');
      assert.ok(verdict.writtenAt === undefined || !Number.isNaN(Date.parse(verdict.writtenAt)));
    }));

  const region = {
    version: 1,
    location: 'eastus',
    until: '2026-01-01T00:00:00Z',
    sweepId: OTHER_SUBSCRIPTION,
    limit: 3,
  };
  const message = fc.oneof(
    changed(region),
    changed({ version: 1, id: VM, writtenAt: region.until }),
    hostileValue,
  );

  it('a message is of the schema, or refused with one line', () =>
    always(600, 0.1, message, (one) => {
      for (const [schema, queue] of [
        [regionMessageSchema, queues.regions],
        [vmMessageSchema, queues.virtualMachines],
      ] as const) {
        const read = readMessage<unknown>(schema, one);
        if ('problem' in read) assert.doesNotMatch(read.problem, UNPRINTABLE, queue);
        else if (schema === regionMessageSchema) {
          const { location, until } = read.value as typeof region;
          assert.match(location, /^[a-z0-9]+$/);
          assert.ok(!Number.isNaN(Date.parse(until)));
        }
      }
    }));
});

describe('what Azure says', () => {
  const armError = {
    error: {
      code: 'Conflict',
      message: 'm',
      details: [{ code: 'TooManyRequests', target: 't', message: 'n' }],
    },
  };
  const body = fc.oneof(
    changed(armError).map((value) => JSON.stringify(value)),
    fc.tuple(hostileText, hugeText).map(([code, message]) => JSON.stringify({ error: { code, message } })),
    fc
      .tuple(
        fc.constantFrom("perform action '", "with object id '", "namespace '", "on the linked scope(s) '"),
        hugeText,
      )
      .map(([start, text]) =>
        JSON.stringify({ code: 'X', message: `does not have permission to ${start}${text}` }),
      ),
    hugeText,
  );
  const status = fc.constantFrom(400, 401, 403, 404, 409, 412, 418, 429, 500, 503);

  it('an error becomes one of the known kinds, on one line, whatever its body', () =>
    always(600, 0.12, fc.record({ status, body }), ({ status, body }) => {
      const error = errorOfResponse({ status, bodyAsText: body });
      assert.equal(typeof error.kind, 'string');
      if (error.kind !== 'not-found' && error.kind !== 'being-deleted') {
        assert.ok(Object.hasOwn(reasons.failed, failureReason(error)), error.kind);
      }
      assert.doesNotMatch(error.message, UNPRINTABLE);
      assert.ok(error.message.length <= 1000);
      assert.equal(toAzureError(error), error);
    }));

  const header = fc.oneof(
    hostileText,
    fc.constantFrom(
      'Microsoft.Compute/UpdateVMResource;3',
      '0',
      '99999999999999999999',
      '00:00:05',
      'Wed, 21 Oct 2099 07:28:00 GMT',
    ),
    fc
      .tuple(fc.constantFrom('/', 'a/', ',', ';', '/;', 'a/b;1,'), fc.nat(8000))
      .map(([text, times]) => text.repeat(times).slice(0, 16_000)),
  );
  const names = [
    'retry-after',
    'retry-after-ms',
    'x-ms-ratelimit-remaining-resource',
    'x-ms-user-quota-resets-after',
  ];

  it('headers about throttling are understood or left alone', () =>
    always(300, 0.06, fc.tuple(fc.constantFrom(...names), header, body), ([name, value, bodyAsText]) => {
      const headers = { get: (asked: string) => (asked === name ? value : undefined) };
      const answer = { headers, bodyAsText } as unknown as Parameters<typeof refusedLimit>[0];
      const waitMs = toldWaitMs(answer, { now: () => 0, speed: 1 });
      assert.ok(waitMs === undefined || (waitMs >= 0 && waitMs <= 86_400_000));
      for (const count of countsOf(answer, { speed: 1 }).values()) assert.ok(count.remaining >= 0);
      refusedLimit(answer, ['armReads', 'vmUpdates']);
    }));

  const pattern = fc.oneof(
    fc.constantFrom('*', '*/read', 'Microsoft.Compute/*/read', 'Microsoft.Compute/virtualMachines/read'),
    fc
      .tuple(fc.constantFrom('*', '*a', 'a*', '**', '*/'), fc.nat(60))
      .map(([text, times]) => text.repeat(times)),
    hostileText,
  );

  it('permissions with any wildcards are matched in bounded time, and never allow what a notAction takes away', () =>
    always(200, 0.03, fc.tuple(fc.array(pattern), pattern), ([actions, without]) => {
      const action = 'Microsoft.Compute/virtualMachines/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/read';
      const allowed = allows([{ actions, notActions: [without] }], action);
      if (allowed) assert.ok(allows([{ actions }], action));
      assert.equal(allows([{ actions: ['*'], notActions: ['*'] }], action), false);
    }));
});
