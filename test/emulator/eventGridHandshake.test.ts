import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import {
  type Answer,
  agree,
  armClient,
  aWebhook,
  control,
  type Received,
  until,
  type Webhook,
} from './webhook.ts';

let azure: Azure;
let webhook: Webhook | undefined;
before(async () => {
  azure = await anAzure({ fleet: [vmIn(SUBSCRIPTION, 'old')] });
});
after(() => azure.close());
afterEach(async () => {
  await control(azure, 'POST', '/reset');
  await webhook?.close();
  webhook = undefined;
});

/** Registers with a webhook that answers a validation like this; what was asked and what came of it. */
async function validated(answer: (request: Received) => Answer, more: Record<string, unknown> = {}) {
  const asked: Received[] = [];
  const validate = (request: Received): Answer | undefined => {
    if (!agree(request)) return undefined;
    asked.push(request);
    return answer(request);
  };
  webhook = await aWebhook(undefined, validate);
  const body = { name: 'Updates', endpoint: webhook.url, ...more };
  return { asked, endpoint: webhook.url, ...(await control(azure, 'POST', '/eventSubscriptions', body)) };
}
const states = async () =>
  (await control(azure, 'GET', '/eventSubscriptions')).body.map(
    ({ provisioningState }: { provisioningState: string }) => provisioningState,
  );
const cloudEvents = { eventDeliverySchema: 'CloudEventSchemaV1_0' };

describe('the validation of an Event Grid schema webhook', () => {
  it('is an event with a code that must come back', async () => {
    const scope = `/subscriptions/${SUBSCRIPTION}`;
    const { asked, status, body } = await validated((request) => agree(request) as Answer, { scope });

    assert.equal(status, 201);
    assert.equal(body.provisioningState, 'Succeeded');
    assert.equal(asked.length, 1);
    const { headers, body: events } = asked[0] as {
      headers: Received['headers'];
      body: Record<string, unknown>[];
    };
    assert.equal(headers['aeg-event-type'], 'SubscriptionValidation');
    assert.equal(headers['aeg-subscription-name'], 'UPDATES');
    assert.equal(events.length, 1);
    const { id, eventTime, data, ...event } = events[0] ?? {};
    assert.deepEqual(event, {
      topic: scope,
      subject: '',
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      metadataVersion: '1',
      dataVersion: '2',
    });
    assert.deepEqual(Object.keys(data as object), ['validationCode', 'validationUrl']);
  });

  it('may be completed by hand: a GET of the validation URL', async () => {
    const { asked, status, body } = await validated(() => ({ status: 200, body: { thanks: true } }));
    assert.equal(status, 202);
    assert.equal(body.provisioningState, 'AwaitingManualAction');
    const arm = await armClient(azure);
    const write = (name: string) =>
      arm('PATCH', vmIn(SUBSCRIPTION, 'old').id, { tags: {} }, { 'x-ms-correlation-request-id': name });
    await write('before');

    const [{ data }] = (asked[0] as Received).body as [{ data: { validationUrl: string } }];
    assert.equal((await fetch(`${data.validationUrl}x`)).status, 400);
    assert.deepEqual(await states(), ['AwaitingManualAction']);
    assert.equal((await fetch(data.validationUrl)).status, 200);

    assert.deepEqual(await states(), ['Succeeded']);
    await write('after');
    await until(() => (webhook?.events().length ?? 0) > 0);
    assert.equal(webhook?.events()[0]?.data.correlationId, 'after');
  });

  it('by hand fails after five minutes', async () => {
    const fast = await anAzure({ speed: 100_000 });
    const silent = await aWebhook(undefined, () => ({ status: 200 }));
    try {
      const asked = { name: 'late', endpoint: silent.url };
      await control(fast, 'POST', '/eventSubscriptions', asked);
      await until(async () => {
        const [{ provisioningState }] = (await control(fast, 'GET', '/eventSubscriptions')).body;
        return provisioningState === 'Failed';
      });
    } finally {
      await fast.close();
      await silent.close();
    }
  });

  const refusals: [string, Answer, RegExp][] = [
    [
      'another code',
      { status: 200, body: { validationResponse: 'wrong' } },
      /validationResponse 'wrong', expected '/,
    ],
    ['202', { status: 202 }, /POST request failed with response code Accepted\./],
    ['404', { status: 404 }, /POST request failed with response code NotFound\./],
  ];
  for (const [name, answer, expected] of refusals) {
    it(`refuses the subscription on ${name}`, async () => {
      const { status, body, endpoint } = await validated(() => answer);

      assert.equal(status, 400);
      assert.ok(
        body.error.startsWith(`Url validation: Webhook validation handshake failed for ${endpoint}. Http `),
      );
      assert.match(body.error, expected);
      assert.deepEqual(await states(), []);
    });
  }

  it('refuses the subscription when nobody is there, or nobody answers', async () => {
    const impatient = await anAzure({ eventAnswerSeconds: 0.05 });
    const never = await aWebhook(
      () => new Promise(() => undefined),
      () => undefined,
    );
    const gone = await aWebhook();
    await gone.close();
    try {
      for (const [url, expected] of [
        [never.url, /response code Unknown \(TimedOut: no answer within 0.05 s\)/],
        [gone.url, /response code Unknown \(SocketError: connect ECONNREFUSED/],
      ] as const) {
        const { status, body } = await control(impatient, 'POST', '/eventSubscriptions', {
          name: 'updates',
          endpoint: url,
        });
        assert.equal(status, 400);
        assert.match(body.error, expected);
      }
    } finally {
      await impatient.close();
      await never.close();
    }
  });
});

describe('the validation of a CloudEvents webhook', () => {
  it('is an OPTIONS request whose origin must be allowed', async () => {
    for (const allowed of ['eventgrid.azure.net', '*']) {
      const headers = { 'WebHook-Allowed-Origin': allowed };
      const { asked, status } = await validated(() => ({ status: 200, headers }), cloudEvents);

      assert.equal(status, 201);
      assert.equal(asked[0]?.method, 'OPTIONS');
      assert.equal(asked[0]?.headers['webhook-request-origin'], 'eventgrid.azure.net');
      await webhook?.close();
    }
  });

  it('may be completed by the callback it names', async () => {
    const { asked, status } = await validated(() => ({ status: 200 }), cloudEvents);
    assert.equal(status, 202);

    const callback = String(asked[0]?.headers['webhook-request-callback']);
    assert.equal((await fetch(callback, { method: 'POST' })).status, 200);
    assert.deepEqual(await states(), ['Succeeded']);
  });

  it('refuses the subscription when another origin is allowed, or the method is not', async () => {
    const other = { status: 200, headers: { 'WebHook-Allowed-Origin': 'example.com' } };
    for (const [answer, expected] of [
      [
        other,
        /OPTIONS answer has WebHook-Allowed-Origin 'example.com', expected 'eventgrid.azure.net' or '\*'\./,
      ],
      [{ status: 405 }, /OPTIONS request failed with response code MethodNotAllowed\./],
    ] as const) {
      const { status, body } = await validated(() => answer, cloudEvents);

      assert.equal(status, 400);
      assert.match(body.error, expected);
      await webhook?.close();
    }
  });
});

describe('registering', () => {
  it('fills in Azure’s defaults, and replaces what has the same name', async () => {
    await validated((request) => agree(request) as Answer);
    await webhook?.close();
    const { endpoint } = await validated((request) => agree(request) as Answer, { name: 'updates' });

    assert.deepEqual((await control(azure, 'GET', '/eventSubscriptions')).body, [
      {
        name: 'updates',
        endpoint,
        eventDeliverySchema: 'EventGridSchema',
        filter: {
          subjectBeginsWith: '',
          subjectEndsWith: '',
          isSubjectCaseSensitive: false,
          enableAdvancedFilteringOnArrays: false,
          advancedFilters: [],
        },
        retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
        batching: { maxEventsPerBatch: 1, preferredBatchSizeInKilobytes: 64 },
        duplicates: 0,
        reorder: false,
        delaySeconds: 0,
        provisioningState: 'Succeeded',
      },
    ]);
  });

  const values = (count: number) => Array.from({ length: count }, (_, index) => `v${index}`);
  const filters = (...advancedFilters: unknown[]) => ({ filter: { advancedFilters } });
  const inText = (list: string[]) => ({ operatorType: 'StringIn', key: 'subject', values: list });
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['no name', { name: undefined }, /name/],
    ['a name with other characters', { name: 'a b c' }, /3 to 64 characters/],
    ['an endpoint that is no web address', { endpoint: 'ftp://example.com' }, /http or https URL/],
    [
      'a scope below a subscription',
      { scope: '/subscriptions/x/resourceGroups/y' },
      /\/subscriptions\/\{guid\}/,
    ],
    ['an unknown schema', { eventDeliverySchema: 'CustomInputSchema' }, /eventDeliverySchema/],
    ['a misspelt option', { duplicate: 1 }, /duplicate/],
    ['a share above one', { duplicates: 1.5 }, /duplicates/],
    ['31 attempts', { retryPolicy: { maxDeliveryAttempts: 31 } }, /maxDeliveryAttempts/],
    ['two days to live', { retryPolicy: { eventTimeToLiveInMinutes: 2880 } }, /eventTimeToLiveInMinutes/],
    ['5,001 events a batch', { batching: { maxEventsPerBatch: 5001 } }, /maxEventsPerBatch/],
    [
      'an unknown operator',
      filters({ operatorType: 'StringLike', key: 'subject', values: ['x'] }),
      /operatorType/,
    ],
    ['an operator with values of another type', filters({ ...inText([]), values: [1] }), /values/],
    ['a filter without values', filters(inText([])), /at least one value/],
    ['a value of 513 characters', filters(inText(['x'.repeat(513)])), /512 characters/],
    ['26 values', filters(inText(values(13)), inText(values(13))), /25 values at most, all together/],
    [
      '26 filters',
      filters(...values(26).map((key) => ({ operatorType: 'IsNotNull', key }))),
      /25 advanced filters/,
    ],
  ];
  for (const [name, change, expected] of wrong) {
    it(`refuses ${name}`, async () => {
      const { status, body } = await control(azure, 'POST', '/eventSubscriptions', {
        name: 'updates',
        endpoint: 'http://127.0.0.1:9/',
        ...change,
      });

      assert.equal(status, 400);
      assert.match(body.error, expected);
    });
  }

  it('refuses what is no JSON', async () => {
    const response = await fetch(`${azure.controlEndpoint}/eventSubscriptions`, {
      method: 'POST',
      body: '{',
    });
    assert.equal(response.status, 400);
  });
});
