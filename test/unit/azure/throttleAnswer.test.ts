import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpHeaders } from '@azure/core-rest-pipeline';
import { countsOf, refusedLimit, toldWaitMs } from '../../../src/azure/throttleAnswer.ts';
import { type LimitName, lanesOf } from '../../../src/domain/throttleLimits.ts';

const clock = { now: () => Date.UTC(2026, 0, 1), speed: 1 };

function answer(headers: Record<string, string>, body: unknown = {}) {
  return {
    headers: createHttpHeaders(headers),
    bodyAsText: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

describe('countsOf', () => {
  const counts = (headers: Record<string, string>) => Object.fromEntries(countsOf(answer(headers), clock));

  it('reads what Resource Manager, Compute and Resource Graph say', () => {
    assert.deepEqual(counts({ 'x-ms-ratelimit-remaining-subscription-reads': '249' }), {
      armReads: { remaining: 249 },
    });
    assert.deepEqual(counts({ 'x-ms-ratelimit-remaining-tenant-reads': '11984' }), {
      armReads: { remaining: 11984 },
    });
    assert.deepEqual(
      counts({
        'x-ms-ratelimit-remaining-subscription-writes': '198',
        'x-ms-ratelimit-remaining-resource':
          'Microsoft.Compute/UpdateVMSubscriptionMaximum;1498,Microsoft.Compute/UpdateVMResource;11',
      }),
      { armWrites: { remaining: 198 }, vmUpdates: { remaining: 1498 }, oneVmUpdates: { remaining: 11 } },
    );
    assert.deepEqual(
      counts({ 'x-ms-user-quota-remaining': '14', 'x-ms-user-quota-resets-after': '00:00:05' }),
      {
        resourceGraph: { remaining: 14, resetsInMs: 5000 },
      },
    );
  });

  it('tells times in those of a sped-up clock', () => {
    const headers = {
      'x-ms-user-quota-remaining': '0',
      'x-ms-user-quota-resets-after': '00:00:00.0500000',
    };

    assert.deepEqual(countsOf(answer(headers), { speed: 100 }).get('resourceGraph'), {
      remaining: 0,
      resetsInMs: 5000,
    });
  });

  it('takes nothing from headers that are missing, odd, or of other policies', () => {
    assert.deepEqual(counts({}), {});
    for (const odd of ['', '-1', 'many', '1.5', '99999999999']) {
      assert.deepEqual(counts({ 'x-ms-ratelimit-remaining-subscription-reads': odd }), {});
    }
    for (const odd of [
      ';',
      'UpdateVMSubscriptionMaximum;5',
      'Microsoft.Compute/UpdateVMSubscriptionMaximum',
      'Microsoft.Compute/UpdateVMSubscriptionMaximum;x',
      'Microsoft.Compute/PutVM3Min;238,Microsoft.Compute/PutVM30Min;1198',
      'Microsoft.Compute/LowCostGetResource;35',
      'Microsoft.Compute/HighCostGetSubscriptionMaximum;899',
      'Microsoft.Compute/GetSubscriptionInfo3Min;359',
    ]) {
      assert.deepEqual(counts({ 'x-ms-ratelimit-remaining-resource': odd }), {}, odd);
    }
    assert.deepEqual(counts({ 'x-ms-user-quota-remaining': '3', 'x-ms-user-quota-resets-after': 'soon' }), {
      resourceGraph: { remaining: 3 },
    });
  });
});

describe('refusedLimit', () => {
  const url =
    'https://x/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v?api-version=1';
  const identityUrl =
    'https://x/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i';
  const limitsOf = (method: string, of: string): LimitName[] => {
    const { shared, vm } = lanesOf(method, of, 'eastus');
    return [...shared, ...(vm ? [vm] : [])].map(({ limit }) => limit);
  };
  const patch = limitsOf('PATCH', url);
  const compute = (target: string, headers = {}) =>
    answer(headers, { code: 'OperationNotAllowed', details: [{ code: 'TooManyRequests', target }] });
  const remaining = (text: string) => ({ 'x-ms-ratelimit-remaining-resource': text });

  const cases: [string, ReturnType<typeof answer>, LimitName[], LimitName | undefined][] = [
    [
      'Resource Manager’s, of a write',
      answer({}, { error: { code: 'SubscriptionRequestsThrottled' } }),
      patch,
      'armWrites',
    ],
    ['Resource Manager’s, of a read', answer({}, ''), limitsOf('GET', url), 'armReads'],
    [
      'Resource Graph’s, with its two-byte body',
      answer({}, '""'),
      limitsOf('POST', 'https://x/providers/Microsoft.ResourceGraph/resources'),
      'resourceGraph',
    ],
    ['Compute’s, of all VMs', compute('UpdateVMSubscriptionMaximum'), patch, 'vmUpdates'],
    ['Compute’s, of one VM', compute('UpdateVMResource'), patch, 'oneVmUpdates'],
    ['Compute’s, of a policy nobody knows', compute('Novel3Min'), patch, 'vmUpdates'],
    [
      'Compute’s, known by the count that is 0',
      answer(
        remaining('Microsoft.Compute/UpdateVMSubscriptionMaximum;9,Microsoft.Compute/UpdateVMResource;0'),
        '',
      ),
      patch,
      'oneVmUpdates',
    ],
    [
      'Compute’s, of a read: no limit we keep',
      compute('LowCostGetResource'),
      limitsOf('GET', url),
      undefined,
    ],
    [
      'the identity service’s, through Compute',
      answer({}, { error: { code: 'FailedIdentityOperation', message: 'inner' } }),
      patch,
      'tenantAssignments',
    ],
    [
      'the identity service’s own, which names the subscription',
      answer(
        {},
        { error: { code: '429', message: 'throttled because subscription s has issued too many requests.' } },
      ),
      limitsOf('PUT', identityUrl),
      'creations',
    ],
    [
      'another operation is running: nobody’s limit',
      answer({}, { error: { code: 'RetryableError' } }),
      patch,
      undefined,
    ],
  ];
  for (const [name, refused, limits, expected] of cases) {
    it(name, () => assert.equal(refusedLimit(refused, limits), expected));
  }
});

describe('toldWaitMs', () => {
  const told = (headers: Record<string, string>, body?: unknown) => toldWaitMs(answer(headers, body), clock);

  it('reads seconds, milliseconds, dates, and the message when no header says it', () => {
    const inText = { error: { code: 'TooManyRequests', message: "Please try again after '324' seconds." } };

    assert.equal(told({ 'retry-after': '3' }), 3000);
    assert.equal(told({ 'retry-after': '3', 'retry-after-ms': '2500' }), 2500);
    assert.equal(told({ 'x-ms-retry-after-ms': '5' }), 5);
    assert.equal(told({ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }), 9000);
    assert.equal(told({}, inText), 324_000);
    assert.equal(told({ 'retry-after': '1' }, inText), 1000);
    assert.equal(told({ 'retry-after': 'soon' }), undefined);
    assert.equal(told({}, 'no JSON'), undefined);
  });

  it('is at most a day, and never less than nothing', () => {
    assert.equal(told({ 'retry-after': '99999999999999999999' }), 86_400_000);
    assert.equal(told({ 'retry-after': 'Thu, 01 Jan 2015 00:00:09 GMT' }), 0);
  });

  it('is as many times as long by the clock of a sped-up Azure', () => {
    assert.equal(toldWaitMs(answer({ 'retry-after-ms': '20' }), { ...clock, speed: 100 }), 2000);
  });
});
