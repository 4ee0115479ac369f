import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { z } from 'zod';
import type { AzureClients } from '../../src/azure/clients.ts';
import { errorOfResponse } from '../../src/azure/errors.ts';
import { itemsOf } from '../../src/azure/lists.ts';
import { allows } from '../../src/azure/permissions.ts';
import { queryPages } from '../../src/azure/resourceGraph.ts';
import { staysAt } from '../../src/azure/staysAt.ts';
import { countsOf } from '../../src/azure/throttleAnswer.ts';
import { createIdentity } from '../../src/domain/azCommands.ts';
import { count, emptyTally, nextStep, outcome } from '../../src/domain/outcome.ts';
import { printableJson } from '../../src/domain/printable.ts';
import { reasons } from '../../src/domain/reasons.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { readSettings } from '../../src/settings.ts';
import { aLog, anApp, azureForEachTest, vmIn } from '../azure.ts';
import { aVmId, OTHER_SUBSCRIPTION, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { type Answer, startHostileArm } from './hostileArm.ts';

// What fuzzing found, each by the smallest input that shows it, and all of it here, so longer than most files. Those about
// time would not end.

const json = (answer: Answer, change: (body: Record<string, unknown>) => unknown): Answer => ({
  ...answer,
  body: JSON.stringify(change(JSON.parse(answer.body))),
});

describe('text that is a name every object has', () => {
  it('is no kind of error', () => {
    for (const code of ['constructor', 'toString', '__proto__']) {
      assert.equal(
        errorOfResponse({ status: 400, bodyAsText: JSON.stringify({ code }) }).kind,
        'invalid-request',
      );
    }
  });

  it('is neither true nor false', () => {
    const SCOPES = `/subscriptions/${SUBSCRIPTION}`;
    assert.throws(
      () => readSettings({ SCOPES, INCLUDE_MANAGED_GROUPS: 'constructor' }),
      /expected true or false/,
    );
  });

  it('is counted like any other', () => {
    const tally = emptyTally();

    count(tally, { outcome: 'failed', reason: 'constructor' } as never, 2);

    assert.deepEqual(Object.entries(tally.failed), [['constructor', 2]]);
  });
});

describe('text that is a pattern of what is put in', () => {
  it('is put into a next step as it is', () => {
    const [before, after] = reasons.failed['identity-missing'].next.split('{identity}');
    for (const goal of ["$'", '$`', '$&', '$$', '{vm}']) {
      assert.equal(
        nextStep(outcome('failed', 'identity-missing'), aVmId(), goal),
        `${before}${goal}${after}`,
      );
    }
  });
});

describe('text that takes a regular expression for ever', () => {
  it('in a header about throttling', () => {
    const headers = {
      get: (name: string) => (name === 'x-ms-ratelimit-remaining-resource' ? '/'.repeat(16_000) : undefined),
    };
    assert.equal(countsOf({ headers } as never, { speed: 1 }).size, 0);
  });

  it('in the wildcards of a role', () => {
    const action = `Microsoft.Compute/${'a'.repeat(60)}/read`;
    assert.equal(allows([{ actions: [`${'*a'.repeat(40)}b`] }], action), false);
    assert.equal(allows([{ actions: ['*/READ'], notActions: ['microsoft.compute/*/write'] }], action), true);
    assert.equal(allows([{ actions: ['Microsoft.Compute/*a/read*read'] }], action), false);
  });

  it('in the message of an error, which is cut', () => {
    const message = `does not have permission to perform action 'x${'a'.repeat(2 ** 20)}`;
    assert.equal(
      errorOfResponse({ status: 403, bodyAsText: JSON.stringify({ code: 'X', message }) }).kind,
      'forbidden',
    );
  });
});

describe('pages', () => {
  // Stands for the SDK: a page each time it is asked.
  const graph = (page: () => unknown) =>
    ({
      resourceGraph: { resources: async () => ({ data: [{ id: 'a' }], ...(page() as object) }) },
    }) as unknown as AzureClients;
  const read = (page: () => unknown) =>
    Array.fromAsync(
      queryPages(graph(page), { managementGroup: 'm' }, 'resources', z.object({ id: z.string() })),
    );

  it('end at a token that is none', async () => {
    for (const skipToken of ['', null, undefined])
      assert.equal((await read(() => ({ skipToken }))).length, 1);
  });

  it('that have no end are an error, of Resource Graph and of lists', async () => {
    let token = 0;
    await assert.rejects(
      read(() => ({ skipToken: 'same' })),
      /goes on for ever/,
    );
    await assert.rejects(
      read(() => ({ skipToken: `${token++}` })),
      /goes on for ever/,
    );
    const list = {
      byPage: async function* () {
        for (;;) yield [] as string[];
      },
    };
    await assert.rejects(Array.fromAsync(itemsOf(list)), /goes on for ever/);
  });

  it('of another form are an error on one line', async () => {
    await assert.rejects(
      read(() => ({ data: [{ id: 1 }] })),
      ({ message }: Error) => !message.includes('\n'),
    );
  });
});

describe('a client', () => {
  const goes = async (url: string): Promise<boolean> => {
    const policy = staysAt('https://arm.example', `/subscriptions/${SUBSCRIPTION}/`);
    let sent = false;
    const send = async () => {
      sent = true;
    };
    await (async () => policy.sendRequest({ url } as never, send as never))().catch(() => undefined);
    return sent;
  };
  const own = `https://arm.example/subscriptions/${SUBSCRIPTION}`;

  it('goes below its own path, as the SDKs spell it', async () => {
    for (const url of [
      `${own}/resourceGroups/rg?x=1`,
      `${own.toUpperCase()}/x`,
      own.replace('/sub', '/%2Fsub').replace(`s/${SUBSCRIPTION}`, `s%2F${SUBSCRIPTION}%2Fx`),
    ]) {
      assert.ok(await goes(url), url);
    }
  });

  it('goes nowhere else', async () => {
    for (const url of [
      `https://evil.example/subscriptions/${SUBSCRIPTION}/x`,
      `https://arm.example@evil.example/subscriptions/${SUBSCRIPTION}/x`,
      `http://arm.example/subscriptions/${SUBSCRIPTION}/x`,
      `https://arm.example:444/subscriptions/${SUBSCRIPTION}/x`,
      own.replace(SUBSCRIPTION, OTHER_SUBSCRIPTION),
      ...['/../x', '/..%2fx', '/%2e%2e/x', '%2f..%2f..%2fx', '/%252e%252e/x', '/a%5c..%5cx', ''].map(
        (tail) => `${own}${tail}`,
      ),
      'no url',
    ]) {
      assert.equal(await goes(url), false, url);
    }
  });
});

describe('what is shown', () => {
  it('as JSON has nothing a terminal obeys, and is the same value', () => {
    const value = { a: '\u009b31m\u202e\u2028\u061c\u007f', b: ['\ud800', 'x\ny'] };
    const text = printableJson(value);

    assert.doesNotMatch(text, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u);
    assert.deepEqual(JSON.parse(text), value);
  });

  it('as a command has no region that is none', () => {
    assert.doesNotMatch(createIdentity(aVmId(), 'eastus; rm -rf ~'), /rm -rf/);
  });
});

describe('an answer', async () => {
  const azure = await azureForEachTest();
  const arm = await startHostileArm(azure);
  after(() => arm.close());
  const app = () => anApp(azure, { ARM_ENDPOINT: arm.endpoint, SCOPES: `/subscriptions/${SUBSCRIPTION}` });
  const SYSTEM = { type: 'SystemAssigned' };
  const carrying = { type: 'UserAssigned', userAssignedIdentities: { [regionalIdentity('eastus')]: {} } };

  for (const [what, identity] of Object.entries({
    'a text': 'SystemAssigned',
    'a list': ['SystemAssigned'],
    'of a type nobody knows': { type: 'System' },
    'of a type that is none': { type: { SystemAssigned: true } },
  })) {
    it(`about a VM whose identity is ${what} stops the write, which could take away the real one`, async () => {
      await azure.seed([vmIn(SUBSCRIPTION, 'vm-1', { identity: SYSTEM })]);
      arm.choose = ({ url, method }) => {
        const isVm = method === 'GET' && url.includes('/virtualMachines/');
        return isVm ? (answer) => json(answer, (body) => ({ ...body, identity })) : undefined;
      };
      const log = aLog();

      await workVm(shared(app()), { version: 1, id: aVmId('vm-1').id }, log, { lastTry: true });

      assert.ok(!arm.asked.some((asked) => asked.startsWith('PATCH')));
      assert.equal(log.bad()[0]?.properties.reason, 'unexpected');
    });
  }

  it('that names another host gets no token there, in a next page, a redirect or an operation', async () => {
    await azure.seed([
      { id: regionalIdentity('eastus'), location: 'eastus' },
      vmIn(SUBSCRIPTION, 'vm-1', { identity: carrying }),
      vmIn(SUBSCRIPTION, 'vm-2'),
    ]);
    for (const status of [200, 307]) {
      arm.choose = ({ method, url }) => {
        if (url.includes('ResourceGraph')) return undefined;
        return (answer, _asked, others) => ({
          ...(method === 'GET'
            ? json(answer, (body) => ({ ...body, ...('value' in body && { nextLink: `${others}${url}` }) }))
            : answer),
          ...(status === 307 && { status }),
          headers: {
            ...answer.headers,
            location: `${others}${url}`,
            'azure-asyncoperation': `${others}${url}`,
          },
        });
      };
      await startSweep(shared(app()), aLog());
      await workVm(shared(app()), { version: 1, id: aVmId('vm-2').id }, aLog(), { lastTry: true }).catch(
        () => undefined,
      );
    }

    assert.ok(arm.tampered() > 0);
    assert.deepEqual(arm.astray, []);
  });

  it('with rows of a subscription out of scope locks nothing there', async () => {
    await azure.seed([
      { id: regionalIdentity('eastus'), location: 'eastus' },
      { id: regionalIdentity('eastus', OTHER_SUBSCRIPTION), location: 'eastus' },
      vmIn(SUBSCRIPTION, 'vm-1', { identity: carrying }),
    ]);
    const foreign = {
      subscriptionId: OTHER_SUBSCRIPTION,
      location: 'eastus',
      verdict: 'goal-present',
      total: 1,
    };
    arm.choose = ({ url }) =>
      url.includes('ResourceGraph')
        ? (answer) =>
            json(answer, ({ data, ...body }) => ({
              ...body,
              data: [...(data as object[]), { ...(data as object[])[0], ...foreign }],
            }))
        : undefined;

    await startSweep(shared(app()), aLog());

    const writes = azure.journal.calls().filter(({ method }) => method === 'PUT');
    assert.equal(writes.length, 1);
    assert.match(decodeURIComponent(writes[0]?.path ?? ''), new RegExp(SUBSCRIPTION));
  });
});
