import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpHeaders, createPipelineRequest, RestError } from '@azure/core-rest-pipeline';
import { retryAfterMs, retryStrategy } from '../../../src/azure/retry.ts';

const request = createPipelineRequest({ url: 'https://arm.example' });
const strategy = retryStrategy(() => 0.5);

function answer(status: number, headers: Record<string, string> = {}, retryCount = 0) {
  return strategy.retry({ retryCount, response: { status, headers: createHttpHeaders(headers), request } });
}

describe('retryStrategy', () => {
  it('waits as long as Azure says', () => {
    assert.deepEqual(answer(429, { 'retry-after': '7' }), { retryAfterInMs: 7000 });
    assert.deepEqual(answer(503, { 'retry-after-ms': '20' }), { retryAfterInMs: 20 });
  });

  it('doubles its own waits where Azure says nothing', () => {
    assert.deepEqual(
      [0, 1, 2].map((count) => answer(500, {}, count).retryAfterInMs),
      [1000, 2000, 4000],
    );
  });

  it('leaves waits of more than five minutes to the next sweep', () => {
    assert.deepEqual(answer(429, { 'retry-after': '301' }), { skipStrategy: true });
  });

  it('does not try refused requests again', () => {
    for (const status of [400, 401, 403, 404, 409, 412])
      assert.deepEqual(answer(status), { skipStrategy: true });
  });

  it('tries broken connections again, but not a certificate that is not trusted', () => {
    const failed = (code: string, retryCount = 0) =>
      strategy.retry({ retryCount, responseError: new RestError('x', { code }) });

    assert.deepEqual(failed('ECONNRESET', 1), { retryAfterInMs: 2000 });
    assert.deepEqual(failed('SELF_SIGNED_CERT_IN_CHAIN'), { skipStrategy: true });
    assert.deepEqual(failed('ECONNREFUSED', 2), { skipStrategy: true });
  });
});

describe('retryAfterMs', () => {
  it('reads seconds, milliseconds and dates', () => {
    const read = (headers: Record<string, string>) =>
      retryAfterMs(createHttpHeaders(headers), Date.UTC(2026, 0, 1));

    assert.equal(read({ 'retry-after': '3' }), 3000);
    assert.equal(read({ 'x-ms-retry-after-ms': '5' }), 5);
    assert.equal(read({ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }), 9000);
    assert.equal(read({ 'retry-after': 'soon' }), undefined);
    assert.equal(read({}), undefined);
  });
});
