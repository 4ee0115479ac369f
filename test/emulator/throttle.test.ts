import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, it } from 'node:test';
import tls from 'node:tls';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { Pipeline, PipelinePolicy } from '@azure/core-rest-pipeline';
import { ManagedIdentityCredential } from '@azure/identity';
import { host, type Principal, remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { identityId } from '../../emulator/fleet/shapes.ts';
import type { Level } from '../../emulator/throttle/buckets.ts';
import type { PolicyGroup } from '../../emulator/throttle/limits.ts';
import { anAzure, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { header, missing, recordings } from './recordings.ts';
import { shapeDifferences } from './replay.ts';

interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly body: { error?: { code: string; message: string; details?: Detail[] } };
}
interface Detail {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
}

/** Azure's own clients, retries off, with the last answer in hand. */
function clientsOf(azure: Azure, principal: Principal = remediator) {
  const answers: Answer[] = [];
  const credential = new ManagedIdentityCredential({ clientId: principal.clientId });
  const options = { endpoint: azure.armEndpoint, retryOptions: { maxRetries: 0 } };
  const watched = <C extends { pipeline: Pipeline }>(client: C): C => {
    const watch: PipelinePolicy = {
      name: 'watch',
      async sendRequest(request, next) {
        const response = await next(request);
        const { status, headers, bodyAsText } = response;
        answers.push({ status, headers, body: JSON.parse(bodyAsText || '{}') });
        return response;
      },
    };
    client.pipeline.addPolicy(watch, { afterPhase: 'Retry' });
    return client;
  };
  const compute = (subscriptionId = SUBSCRIPTION) =>
    watched(new ComputeManagementClient(credential, subscriptionId, options)).virtualMachines;
  const vms = compute();
  const identities = watched(new ManagedServiceIdentityClient(credential, SUBSCRIPTION, options));
  const groups = watched(new ResourceManagementClient(credential, SUBSCRIPTION, options)).resourceGroups;
  const graph = watched(new ResourceGraphClient(credential, options));

  /** The answer to a call, whether it was refused or not. */
  async function answerTo(call: () => Promise<unknown>): Promise<Answer> {
    await call().catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode === undefined) throw error;
    });
    return answers.at(-1) as Answer;
  }
  return {
    answerTo,
    compute,
    read: (name = 'vm') => answerTo(() => vms.get('rg-app', name)),
    list: () => answerTo(() => vms.listAll().next()),
    tag: (name = 'vm') => answerTo(() => vms.update('rg-app', name, { tags: { a: 'b' } }).submitted()),
    assign: (name: string, ids: readonly string[]) =>
      answerTo(() =>
        vms
          .update('rg-app', name, {
            identity: {
              type: 'UserAssigned',
              userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])),
            },
          })
          .submitted(),
      ),
    create: (name: string) =>
      answerTo(() => vms.createOrUpdate('rg-app', name, { location: 'eastus' }).submitted()),
    remove: (name: string) => answerTo(() => vms.delete('rg-app', name).submitted()),
    makeIdentity: (name: string) =>
      answerTo(() =>
        identities.userAssignedIdentities.createOrUpdate('rg-app', name, { location: 'eastus' }),
      ),
    readGroup: () => answerTo(() => groups.get('rg-app')),
    query: () => answerTo(() => graph.resources({ query: 'resources | project id' })),
  };
}

/** Calls until one is refused: how many were not, and the refusal. */
async function untilRefused(call: (number: number) => Promise<Answer>) {
  for (let passed = 0; ; passed++) {
    const answer = await call(passed);
    if (answer.status === 429) return { passed, refusal: answer };
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
  }
}

const LIMIT = 'x-ms-ratelimit-remaining-';
const ids = Array.from({ length: 150 }, (_, number) =>
  identityId({ subscriptionId: SUBSCRIPTION }, 'rg-ids', `id-${number}`),
);
const fleet = [
  ...['vm', 'vm1', 'vm2', 'vm3'].map((name) => vmIn(SUBSCRIPTION, name)),
  vmIn(OTHER_SUBSCRIPTION, 'far'),
  ...ids.map((id) => ({ id, location: 'eastus' })),
];

// Time passes only when a test says so.
let now = Date.now();
const clock = { speed: 1, origin: 0, now: () => now };
let azure: Azure;
let us: ReturnType<typeof clientsOf>;
before(async () => {
  azure = await anAzure({ throttle: true, clock, fleet });
  us = clientsOf(azure);
});
after(() => azure.close());
beforeEach(() => fetch(`${azure.controlEndpoint}/reset`, { method: 'POST' }));

/** Others' calls to Compute, at once. */
function others(group: PolicyGroup, count: number): void {
  const call = {
    principal: { clientId: 'others', objectId: 'others' },
    subscriptionId: SUBSCRIPTION,
    remaining: {},
  };
  for (let made = 0; made < count; made++) azure.throttle.compute(call, group, 'eastus');
}
const remainingOf = (name: string) => azure.throttle.levels().find((level) => level.name === name)?.remaining;

describe('every answer says what remains', () => {
  it('of reads and of Compute’s gets', async () => {
    const { headers } = await us.read();

    assert.equal(headers.get(`${LIMIT}subscription-reads`), '249');
    assert.equal(headers.get(`${LIMIT}subscription-global-reads`), '3749');
    assert.equal(
      headers.get(`${LIMIT}resource`),
      'Microsoft.Compute/LowCostGetSubscriptionMaximum;23999,Microsoft.Compute/LowCostGetResource;35',
    );
    assert.equal(
      (await us.list()).headers.get(`${LIMIT}resource`),
      'Microsoft.Compute/HighCostGetSubscriptionMaximum;899',
    );
  });

  it('of writes, counted for each VM and for all together', async () => {
    await us.tag('vm');
    await us.tag('vm');
    const { headers } = await us.tag('vm1');

    assert.equal(headers.get(`${LIMIT}subscription-writes`), '197');
    assert.equal(headers.get(`${LIMIT}subscription-global-writes`), '2997');
    assert.equal(
      headers.get(`${LIMIT}resource`),
      'Microsoft.Compute/UpdateVMSubscriptionMaximum;1497,Microsoft.Compute/UpdateVMResource;11',
    );
  });

  it('of creations and deletions', async () => {
    assert.equal(
      (await us.create('new')).headers.get(`${LIMIT}resource`),
      'Microsoft.Compute/PutVMSubscriptionMaximum;1499,Microsoft.Compute/PutVMResource;11',
    );
    const { headers } = await us.remove('new');
    assert.equal(headers.get(`${LIMIT}subscription-deletes`), '199');
    assert.equal(headers.get(`${LIMIT}subscription-global-deletes`), undefined);
    assert.equal(
      headers.get(`${LIMIT}resource`),
      'Microsoft.Compute/DeleteVMSubscriptionMaximum;1499,Microsoft.Compute/DeleteVMResource;11',
    );
  });

  it('of the polls of one operation, each operation by itself', async () => {
    const poll = async (url: string) => {
      const { headers } = await fetch(url, { headers: { authorization: `Bearer ${await token(azure)}` } });
      return headers.get(`${LIMIT}resource`);
    };
    const first = (await us.tag('vm')).headers.get('azure-asyncoperation') ?? '';
    const second = (await us.tag('vm')).headers.get('azure-asyncoperation') ?? '';

    const subscription = 'Microsoft.Compute/GetOperationSubscriptionMaximum';
    assert.equal(await poll(first), `Microsoft.Compute/GetOperationResource;44,${subscription};14999`);
    assert.equal(await poll(first), `Microsoft.Compute/GetOperationResource;43,${subscription};14998`);
    assert.equal(await poll(second), `Microsoft.Compute/GetOperationResource;44,${subscription};14997`);
  });

  it('of queries, which are reads of the tenant', async () => {
    await us.query();
    const { headers } = await us.query();

    assert.equal(headers.get('x-ms-user-quota-remaining'), '13');
    assert.equal(headers.get(`${LIMIT}tenant-resource-requests`), '13');
    assert.equal(headers.get(`${LIMIT}tenant-reads`), '248');
    assert.equal(headers.get('x-ms-user-quota-resets-after'), '00:00:05');
  });

  it('but not what the gateway refuses by itself', async () => {
    const { status, headers } = await us.read('nobody');

    assert.deepEqual([status, headers.get(`${LIMIT}subscription-reads`)], [404, undefined]);
    assert.equal(remainingOf('subscription-reads'), 249);
  });
});

describe('who shares a bucket', () => {
  it('subscriptions have their own, and each principal in them', async () => {
    const somebody = clientsOf(azure, host);
    await us.read();
    await us.answerTo(() => us.compute(OTHER_SUBSCRIPTION).get('rg-app', 'far'));

    const { headers } = await somebody.read();
    assert.equal(headers.get(`${LIMIT}subscription-reads`), '249');
    assert.equal(headers.get(`${LIMIT}subscription-global-reads`), '3748');
    assert.match(headers.get(`${LIMIT}resource`) ?? '', /SubscriptionMaximum;23998,.*Resource;34$/);
  });
});

describe('refused', () => {
  it('by the gateway: SubscriptionRequestsThrottled, and Compute never hears of it', async () => {
    const { passed, refusal } = await untilRefused(() => us.readGroup());

    assert.equal(passed, 250);
    assert.equal(refusal.body.error?.code, 'SubscriptionRequestsThrottled');
    assert.match(
      refusal.body.error.message,
      /^Number of 'read' requests for subscription actor '.*' exceeded\. .* after '1' seconds/,
    );
    assert.equal(refusal.headers.get('retry-after'), '1');
    assert.equal(refusal.headers.get('retry-after-ms'), undefined);
    assert.equal(refusal.headers.get(`${LIMIT}subscription-reads`), '0');
    assert.equal(refusal.headers.get(`${LIMIT}resource`), undefined);
    assert.equal((await us.read()).status, 429);
    assert.equal(remainingOf('Microsoft.Compute/LowCostGetResource'), undefined);
  });

  it('by Compute for one VM: OperationNotAllowed, with figures as JSON in a string', async () => {
    const { passed, refusal } = await untilRefused(() => us.tag('vm'));

    assert.equal(passed, 12);
    const { code, details = [] } = refusal.body.error ?? {};
    assert.equal(code, 'OperationNotAllowed');
    assert.deepEqual(
      details.map(({ code, target }) => [code, target]),
      [['TooManyRequests', 'UpdateVMResource']],
    );
    const figures = JSON.parse(details[0]?.message ?? '');
    assert.deepEqual(
      [figures.operationGroup, figures.allowedRequestCount, figures.measuredRequestCount],
      ['UpdateVMResource', 12, 13],
    );
    assert.match(
      refusal.headers.get(`${LIMIT}resource`) ?? '',
      /UpdateVMSubscriptionMaximum;1488,.*UpdateVMResource;0$/,
    );
    const seconds = Number(refusal.headers.get('retry-after'));
    assert.ok(seconds > 50 && seconds <= 60, String(seconds));
    assert.equal(
      refusal.headers.get(`${LIMIT}subscription-writes`),
      String(remainingOf('subscription-writes')),
    );
    assert.equal((await us.tag('vm1')).status, 200);
  });

  it('by Compute for a subscription and region, whoever emptied the bucket', async () => {
    others('UpdateVM', 1500);
    const { status, body } = await us.tag('vm');

    assert.equal(status, 429);
    assert.deepEqual(
      body.error?.details?.map(({ target }) => target),
      ['UpdateVMSubscriptionMaximum'],
    );
    assert.equal((await us.read()).status, 200);
  });

  it('by the identity service for a creation: code "429"', async () => {
    const { passed, refusal } = await untilRefused((number) => us.makeIdentity(`made-${number % 3}`));

    assert.equal(passed, 80);
    assert.equal(refusal.body.error?.code, '429');
    assert.match(
      refusal.body.error.message,
      new RegExp(
        `because subscription ${SUBSCRIPTION} has issued too many requests\\. Retry after \\d+ seconds\\.$`,
      ),
    );
  });

  it('by the identity service for an assignment: FailedIdentityOperation, with Compute’s token gone', async () => {
    assert.equal((await us.assign('vm1', ids)).status, 200);
    assert.equal((await us.assign('vm1', ids)).status, 200, 'naming them again is free');
    assert.equal((await us.assign('vm2', ids)).status, 200);
    const { status, body } = await us.assign('vm3', ids.slice(0, 1));

    assert.deepEqual([status, body.error?.code], [429, 'FailedIdentityOperation']);
    assert.match(
      body.error?.message ?? '',
      /Status: '429'\. Response: '\{"error":\{"code":"429","message":"Request is temporarily throttled/,
    );
    assert.equal(remainingOf('Microsoft.Compute/UpdateVMSubscriptionMaximum'), 1496);
    assert.equal(azure.store.get(vmIn(SUBSCRIPTION, 'vm3').id)?.resource.identity, undefined);
    assert.equal((await us.tag('vm3')).status, 200);
  });

  it('by the identity service, though the assignments before failed', async () => {
    const nowhere = (number: number) =>
      identityId({ subscriptionId: SUBSCRIPTION }, 'rg-ids', `gone-${number}`);
    const gone = Array.from({ length: 150 }, (_, number) => nowhere(number));
    const codes = [];
    for (const name of ['vm1', 'vm2', 'vm3']) codes.push((await us.assign(name, gone)).status);

    assert.deepEqual(codes, [400, 400, 429]);
  });

  it('by Resource Graph: RateLimiting', async () => {
    const { passed, refusal } = await untilRefused(() => us.query());

    assert.equal(passed, 15);
    assert.equal(refusal.body.error?.code, 'RateLimiting');
    const correlationId = refusal.headers.get('x-ms-correlation-request-id');
    assert.ok(refusal.body.error.message.endsWith(`correlationId = ${correlationId}.`));
    assert.equal(refusal.headers.get('x-ms-user-quota-remaining'), '0');
    assert.equal(refusal.headers.get('retry-after'), '5');
  });

  it('again when it is tried too early, which begins the wait anew', async () => {
    await untilRefused(() => us.tag('vm'));
    const retryAt = async (seconds: number) => {
      now += seconds * 1000;
      const { status, headers } = await us.tag('vm');
      return [status, headers.get('retry-after')];
    };

    assert.deepEqual(await retryAt(30), [429, '60']);
    assert.deepEqual(await retryAt(59), [429, '60'], 'there are tokens by now, but it did not wait');
    assert.deepEqual(await retryAt(60), [200, undefined]);
  });

  it('and the journal says by which limit', async () => {
    await untilRefused(() => us.tag('vm'));

    const calls = (await (await fetch(`${azure.controlEndpoint}/journal`)).json()) as {
      refusedBy?: string;
    }[];
    assert.equal(calls.at(-1)?.refusedBy, 'Microsoft.Compute/UpdateVMResource');
    assert.equal(calls.filter(({ refusedBy }) => refusedBy !== undefined).length, 1);
  });
});

describe('refusals that were recorded', { skip: missing ?? false }, () => {
  it('have the shape and headers of b06', async () => {
    const recorded = recordings().get('b06')?.[1];
    assert.equal(recorded?.status, 429);
    const { refusal } = await untilRefused(() => us.makeIdentity('same'));

    assert.deepEqual(shapeDifferences(recorded.responseBody, refusal.body), []);
    assert.match(header(recorded, 'retry-after') ?? '', /^\d+$/);
  });

  it('have the shape and headers of e20', async () => {
    const recorded = recordings().get('e20')?.[0];
    assert.equal(recorded?.status, 429);
    const { refusal } = await untilRefused(() => us.query());

    assert.deepEqual(shapeDifferences(recorded.responseBody, refusal.body), []);
    const names = Object.keys(recorded.responseHeaders ?? {}).filter((name) => /^(x-ms-|retry)/i.test(name));
    for (const name of names) assert.ok(refusal.headers.get(name.toLowerCase()) !== undefined, name);
  });
});

describe('the control API', () => {
  const control = async (method: string, path: string, body?: unknown) => {
    const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(azure.controlEndpoint + path, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };

  it('shows the buckets that are not full, until they are', async () => {
    await us.tag('vm');
    const { body } = await control('GET', '/buckets');

    const bucket = (body as { name: string }[]).find(
      ({ name }) => name === 'Microsoft.Compute/UpdateVMResource',
    );
    assert.deepEqual(bucket, {
      name: 'Microsoft.Compute/UpdateVMResource',
      size: 12,
      refill: 4,
      everySeconds: 60,
      key: vmIn(SUBSCRIPTION, 'vm').id.toLowerCase(),
      remaining: 11,
    });
    await control('POST', '/reset');
    assert.deepEqual((await control('GET', '/buckets')).body, []);
  });

  it('moves neighbours in, whose calls take real tokens, and sends them away', async () => {
    const spec = { subscriptionId: SUBSCRIPTION, location: 'eastus', ratePerSecond: 100 };
    assert.equal((await control('POST', '/neighbours', spec)).status, 200);
    now += 10_000;
    assert.match((await us.tag('vm')).headers.get(`${LIMIT}resource`) ?? '', /SubscriptionMaximum;499,/);
    now += 10_000;

    assert.equal((await us.tag('vm')).status, 429);
    assert.deepEqual((await control('GET', '/neighbours')).body, [
      { id: 1, ...spec, policyGroup: 'UpdateVM', obeysRetryAfter: true, sent: 1500, refused: 1 },
    ]);
    assert.equal((await control('DELETE', '/neighbours')).status, 204);
    assert.deepEqual((await control('GET', '/neighbours')).body, []);
  });

  it('refuses a neighbour that makes no sense', async () => {
    const place = { subscriptionId: SUBSCRIPTION, location: 'eastus' };
    const { status, body } = await control('POST', '/neighbours', place);

    assert.equal(status, 400);
    assert.match(body.error, /ratePerSecond or shareOfRefill/);
    assert.equal((await control('POST', '/neighbours', { ...place, shareOfRefill: 1, typo: 1 })).status, 400);
    assert.equal(
      (await control('POST', '/neighbours', { ...place, shareOfRefill: 1, policyGroup: 'x' })).status,
      400,
    );
  });
});

describe('in a sped-up run', () => {
  it('waits are told in the machine’s ms, and in whole seconds that are long enough', async () => {
    const fast = await anAzure({ throttle: true, clock: { ...clock, speed: 50 }, fleet });
    try {
      const client = clientsOf(fast);
      const waits = ({ headers }: Answer) => [headers.get('retry-after'), headers.get('retry-after-ms')];
      const { refusal } = await untilRefused(() => client.tag('vm'));

      assert.deepEqual(waits(refusal), ['2', '1200'], '60 s at 50 times the speed');
      now += 1200 * 50;
      assert.equal((await client.tag('vm')).status, 200);
      assert.deepEqual(waits(await client.create('new')), ['1', '200']);
      const { headers } = await client.query();
      assert.equal(headers.get('x-ms-user-quota-resets-after'), '00:00:00.1000000');
    } finally {
      await fast.close();
    }
  });
});

describe('limits', () => {
  it('can be switched off: calls are counted, none is refused, and answers tell of full buckets', async () => {
    const lenient = await anAzure({ fleet });
    try {
      const client = clientsOf(lenient);
      for (let call = 0; call < 13; call++) await client.tag('vm');

      const { status, headers } = await client.tag('vm');
      assert.equal(status, 200);
      assert.match(
        headers.get(`${LIMIT}resource`) ?? '',
        /UpdateVMSubscriptionMaximum;1499,.*UpdateVMResource;11$/,
      );
      const levels = (await (await fetch(`${lenient.controlEndpoint}/buckets`)).json()) as Level[];
      assert.equal(levels.find(({ name }) => name.endsWith('UpdateVMSubscriptionMaximum'))?.remaining, 1486);
    } finally {
      await lenient.close();
    }
  });
});

describe('npm run azure', () => {
  for (const [args, last] of [
    [[], 429],
    [['--no-throttle'], 200],
  ] as const) {
    it(`${args.join() || 'as it is'}: the query after fifteen is answered ${last}`, async () => {
      const main = join(import.meta.dirname, '../../emulator/main.ts');
      // At this speed, the window of five seconds lasts well over an hour.
      const child = spawn(process.execPath, [main, '--speed', '0.001', ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const [line] = await once(createInterface({ input: child.stdout }), 'line');
        const ready = JSON.parse(line);
        const ca = readFileSync(ready.caFile, 'utf8');
        tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca]);
        const headers = { authorization: `Bearer ${await token(ready)}` };
        const query = async () => {
          const url = `${ready.armEndpoint}/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01`;
          const body = JSON.stringify({ query: 'resources | project id' });
          return (await fetch(url, { method: 'POST', headers, body })).status;
        };
        for (let number = 0; number < 15; number++) assert.equal(await query(), 200);

        assert.equal(await query(), last);
      } finally {
        child.kill();
      }
    });
  }
});

type Endpoint = Pick<Azure, 'identityEndpoint' | 'identityHeader'>;

async function token({ identityEndpoint, identityHeader }: Endpoint): Promise<string> {
  const url = `${identityEndpoint}?resource=arm&api-version=2019-08-01&client_id=${remediator.clientId}`;
  const response = await fetch(url, { headers: { 'x-identity-header': identityHeader } });
  return ((await response.json()) as { access_token: string }).access_token;
}
