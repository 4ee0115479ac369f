import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import { retries } from '../../../src/azure/retry.ts';
import { steppedClock } from '../../steppedClock.ts';

type Step = RestError | readonly [number, Record<string, string>?, string?];

/** Sends one request to a server that answers step by step, the last one again and again. */
async function send(steps: readonly Step[], abortAfterMs?: number) {
  const clock = steppedClock(0);
  const abort = new AbortController();
  const request = createPipelineRequest({ url: 'https://arm.example', abortSignal: abort.signal });
  const triedAt: number[] = [];
  const sent = retries(clock, () => 0.5).sendRequest(request, async () => {
    const step = steps[Math.min(triedAt.length, steps.length - 1)] as Step;
    triedAt.push(clock.now());
    if (step instanceof RestError) throw step;
    const [status, headers, bodyAsText] = step;
    const response: PipelineResponse = { request, status, headers: createHttpHeaders(headers) };
    return bodyAsText === undefined ? response : { ...response, bodyAsText };
  });
  const ended = sent.then(
    ({ status }) => status,
    (error: Error & { code?: string }) => error.code ?? error.name,
  );
  if (abortAfterMs !== undefined) void clock.sleep(abortAfterMs).then(() => abort.abort());
  await clock.runOut(3_600_000);
  return { end: await ended, triedAt };
}

const broken = (code: string) => new RestError('broken', { code });

describe('retries', () => {
  it('returns what needs no retry at once', async () => {
    for (const status of [200, 400, 401, 403, 404, 409, 412]) {
      assert.deepEqual(await send([[status]]), { end: status, triedAt: [0] });
    }
  });

  it('waits as long as Azure says', async () => {
    assert.deepEqual(await send([[503, { 'retry-after': '7' }], [200]]), { end: 200, triedAt: [0, 7000] });
    assert.deepEqual(await send([[503, { 'retry-after-ms': '20' }], [200]]), { end: 200, triedAt: [0, 20] });
  });

  it('leaves the wait for a throttled one to the pacer', async () => {
    assert.deepEqual(await send([[429, { 'retry-after': '7' }], [200]]), { end: 200, triedAt: [0, 0] });
  });

  it('doubles its own waits where Azure says nothing, and gives up after five', async () => {
    const waits = [0, 1000, 3000, 7000, 15_000, 31_000];

    for (const status of [408, 500, 502, 503, 504]) {
      assert.deepEqual(await send([[status]]), { end: status, triedAt: waits });
    }
    assert.deepEqual(await send([broken('ECONNRESET')]), { end: 'ECONNRESET', triedAt: waits });
  });

  it('takes half a body for a broken connection, though the answer seems whole', async () => {
    const json = { 'content-type': 'application/json; charset=utf-8' };

    assert.deepEqual(
      await send([
        [200, json, '{"value":[{'],
        [200, json, '{"value":[]}'],
      ]),
      {
        end: 200,
        triedAt: [0, 1000],
      },
    );
    for (const status of [200, 400, 404]) {
      assert.equal((await send([[status, json, '{"error":{']])).end, RestError.PARSE_ERROR);
    }
    for (const whole of [[200, json, ''] as const, [403, {}, '<html>'] as const]) {
      assert.deepEqual(await send([whole]), { end: whole[0], triedAt: [0] });
    }
  });

  it('tries at most six times when throttled, too', async () => {
    const { end, triedAt } = await send([[429, { 'retry-after': '1' }]]);

    assert.equal(end, 429);
    assert.equal(triedAt.length, 6);
  });

  it('leaves waits of more than five minutes, one or all together, to the next sweep', async () => {
    assert.deepEqual(await send([[429, { 'retry-after': '301' }]]), { end: 429, triedAt: [0] });
    assert.deepEqual(await send([[503, { 'retry-after': '140' }]]), {
      end: 503,
      triedAt: [0, 140_000, 280_000],
    });
  });

  it('does not try again what cannot get better', async () => {
    assert.equal((await send([broken('SELF_SIGNED_CERT_IN_CHAIN')])).triedAt.length, 1);
    assert.equal((await send([broken('ECONNREFUSED')])).triedAt.length, 3);
  });

  it('obeys an abort while waiting', async () => {
    assert.deepEqual(await send([[503, { 'retry-after': '60' }], [200]], 10_000), {
      end: 'AbortError',
      triedAt: [0],
    });
  });

  it('gives up a try that gets no answer, and tries again', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(String(request.url));
      if (asked.length > 1) response.end('late but there');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/vm`;
    const clock = steppedClock(0);
    const httpClient = createDefaultHttpClient();

    const sent = retries(clock, () => 0.5, 500).sendRequest(
      createPipelineRequest({ url, allowInsecureConnection: true }),
      (request) => httpClient.sendRequest(request),
    );
    while (clock.sleepers() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(1000);

    assert.equal((await sent).bodyAsText, 'late but there');
    assert.deepEqual(asked, ['/vm', '/vm']);
    server.closeAllConnections();
    server.close();
  });
});
