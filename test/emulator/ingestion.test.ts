import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ManagedIdentityCredential } from '@azure/identity';
import { TelemetryClient } from 'applicationinsights';
import { remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure } from '../azure.ts';
import { until } from '../until.ts';

const [keyless, open] = ['keyless', 'open'] as const;
let azures: Record<typeof keyless | typeof open, Azure>;
before(async () => {
  azures = { open: await anAzure({ telemetry: open }), keyless: await anAzure({ telemetry: keyless }) };
});
after(async () => {
  for (const azure of Object.values(azures)) await azure.close();
});
afterEach(() => {
  for (const { received, faults } of Object.values(azures)) {
    received.clear();
    faults.clear();
  }
});

const connection = (azure: Azure): string => azure.env.APPLICATIONINSIGHTS_CONNECTION_STRING as string;
const part = (azure: Azure, name: string) => new RegExp(`${name}=([^;]+)`).exec(connection(azure))?.[1] ?? '';
const named = (azure: Azure) => azure.received.items().map(({ data }) => data.baseData.name);
const anItem = (azure: Azure, name = 'one', iKey = part(azure, 'InstrumentationKey')) => ({
  ...{ name: 'Microsoft.ApplicationInsights.Event', time: new Date().toISOString(), iKey },
  data: { baseType: 'EventData', baseData: { ver: 2, name } },
});

async function token(resource: string, query = `&client_id=${remediator.clientId}`): Promise<string> {
  const { identityEndpoint, identityHeader } = azures.keyless;
  const url = `${identityEndpoint}?resource=${encodeURIComponent(resource)}&api-version=2019-08-01${query}`;
  const answer = await fetch(url, { headers: { 'x-identity-header': identityHeader } });
  const { access_token } = (await answer.json()) as { access_token: string };
  return `Bearer ${access_token}`;
}

interface Sent {
  readonly body: string | Buffer<ArrayBuffer>;
  readonly authorization?: string;
  readonly encoding?: string;
  readonly path?: string;
}
async function send(azure: Azure, { body, authorization, encoding, path = 'v2.1/track' }: Sent) {
  const answer = await fetch(`${part(azure, 'IngestionEndpoint')}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(authorization !== undefined && { authorization }),
      ...(encoding !== undefined && { 'content-encoding': encoding }),
    },
    body,
  });
  const { itemsReceived, itemsAccepted, errors } = (await answer.json()) as {
    itemsReceived: number;
    itemsAccepted: number;
    errors: { index: number; statusCode: number; message: string }[];
  };
  return { status: answer.status, itemsReceived, itemsAccepted, errors };
}

describe('the ingestion endpoint with local authentication off', () => {
  const asked = async (more: Omit<Sent, 'body'>) =>
    send(azures.keyless, { body: JSON.stringify([anItem(azures.keyless)]), ...more });

  it('takes in what the remediator sends', async () => {
    const { status, itemsAccepted } = await asked({
      authorization: await token('https://monitor.azure.com'),
    });

    assert.deepEqual([status, itemsAccepted], [200, 1]);
    assert.deepEqual(named(azures.keyless), ['one']);
  });

  for (const [what, authorization] of [
    ['no token', async () => undefined],
    ['a token for Resource Manager', () => token('https://management.azure.com/')],
    ['a token that nobody issued', async () => 'Bearer eyJ.eyJ.x'],
  ] as const) {
    it(`answers 401 to ${what}, and keeps nothing`, async () => {
      const given = await authorization();

      const { status, itemsAccepted, errors } = await asked(
        given === undefined ? {} : { authorization: given },
      );

      assert.deepEqual([status, itemsAccepted, errors[0]?.statusCode], [401, 0, 401]);
      assert.deepEqual(named(azures.keyless), []);
    });
  }

  it('answers 403 to an identity without the role, and keeps nothing', async () => {
    const { status } = await asked({ authorization: await token('https://monitor.azure.com', '') });

    assert.equal(status, 403);
    assert.deepEqual(named(azures.keyless), []);
  });

  it('answers 400 on the older path, which knows no sign-in', async () => {
    const authorization = await token('https://monitor.azure.com');

    assert.equal((await asked({ authorization, path: 'v2/track' })).status, 400);
    assert.deepEqual(named(azures.keyless), []);
  });
});

describe('the ingestion endpoint', () => {
  it('takes in from everybody where local authentication is on', async () => {
    const body = JSON.stringify([anItem(azures.open)]);

    const answers = [
      await send(azures.open, { body }),
      await send(azures.open, { body, path: 'v2/track' }),
      await send(azures.open, { body, authorization: await token('https://management.azure.com/') }),
    ];

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 401],
    );
    assert.equal(named(azures.open).length, 2);
  });

  for (const [what, body] of [
    ['an array', (items: unknown[]) => JSON.stringify(items)],
    ['one item a line', (items: unknown[]) => items.map((item) => JSON.stringify(item)).join('\n')],
  ] as const) {
    it(`reads ${what}, packed by gzip or not`, async () => {
      const text = body([anItem(azures.open, 'a'), anItem(azures.open, 'b')]);

      const plain = await send(azures.open, { body: text });
      const packed = await send(azures.open, { body: Buffer.from(gzipSync(text)), encoding: 'gzip' });

      assert.deepEqual([plain.itemsAccepted, packed.itemsAccepted], [2, 2]);
      assert.deepEqual(named(azures.open), ['a', 'b', 'a', 'b']);
    });
  }

  it('answers 400 to what says it is gzip and is not, or is no JSON', async () => {
    const statuses = [
      await send(azures.open, { body: '[]', encoding: 'gzip' }),
      await send(azures.open, { body: 'no' }),
    ].map(({ status }) => status);

    assert.deepEqual(statuses, [400, 400]);
  });

  it('answers 206 and says which items it has refused and why, when others are right', async () => {
    const strange = anItem(azures.open, 'b', '00000000-0000-4000-8000-000000000000');
    const body = JSON.stringify([anItem(azures.open, 'a'), strange, { name: 'no envelope' }]);

    const { status, itemsReceived, itemsAccepted, errors } = await send(azures.open, { body });

    assert.deepEqual([status, itemsReceived, itemsAccepted], [206, 3, 1]);
    assert.deepEqual(
      errors.map(({ index, statusCode }) => [index, statusCode]),
      [
        [1, 400],
        [2, 400],
      ],
    );
    assert.deepEqual(named(azures.open), ['a']);
  });
});

describe('Microsoft’s own client', () => {
  it('sends what was refused for now once more, and that alone', async () => {
    const azure = azures.keyless;
    const client = new TelemetryClient(connection(azure), { useGlobalProviders: false });
    client.config.aadTokenCredential = new ManagedIdentityCredential({ clientId: remediator.clientId });
    client.initialize();
    const partly = { method: '*' as const, path: '/track$', status: 206, latencyMs: 0 };
    azure.faults.add({ ...partly, times: 1, headers: { 'retry-after': '1' } });

    for (const name of ['a', 'b', 'c', 'd', 'e']) client.trackEvent({ name });
    await client.flush();
    const first = named(azure);
    await until('the refused ones were sent again', () => named(azure).length >= 5);
    client.trackEvent({ name: 'later' });
    await client.flush();
    await client.shutdown();

    assert.deepEqual(first, ['a', 'c', 'e']);
    assert.deepEqual(named(azure), ['a', 'c', 'e', 'b', 'd', 'later']);
  });
});
