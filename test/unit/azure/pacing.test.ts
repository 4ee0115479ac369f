import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpHeaders, createPipelineRequest, type PipelineResponse } from '@azure/core-rest-pipeline';
import { ideal, type Spread } from '../../../bench/ideal.ts';
import { inRegion, restingOn, urgently } from '../../../src/azure/callContext.ts';
import { createPacer } from '../../../src/azure/pacer.ts';
import { pacing, turnToWrite } from '../../../src/azure/pacing.ts';
import { lanesOf } from '../../../src/domain/throttleLimits.ts';
import { type BucketServer, bucketServer } from '../../bucketServer.ts';
import { pacedPipeline } from '../../pacedPipeline.ts';
import { type SteppedClock, steppedClock } from '../../steppedClock.ts';

const SHARE = 0.7;

/** What each region's worker does: so many VMs at a time are read, updated, and read again when they are done. */
async function sweep(
  fleet: Spread,
  share: number,
  during?: (server: BucketServer, clock: SteppedClock) => void,
) {
  const clock = steppedClock();
  const regionOf = (path: string) => `r${Number(path.split('-').at(-1)) % fleet.regions}`;
  // A second and a half at most, most of them quick, and the same each time.
  let calls = 0;
  const latency = () => 150 + 1350 * ((calls++ * 0.618) % 1) ** 3;
  const server = bucketServer(clock, latency, regionOf);
  const pipeline = pacedPipeline(clock, share);
  const startedAt = clock.now();
  let updated = 0;
  let updatedAt = startedAt;

  async function remediate(vm: number): Promise<void> {
    const subscription = `s${Math.floor(vm / fleet.regions) % fleet.subscriptions}`;
    const url = `https://x/subscriptions/${subscription}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-${vm}`;
    const send = (method: 'GET' | 'PATCH') =>
      pipeline.sendRequest(server, createPipelineRequest({ method, url }));
    await send('GET');
    await inRegion(regionOf(url), () => send('PATCH'));
    updated++;
    updatedAt = clock.now();
    void clock.sleep(12_000).then(() => send('GET'));
  }

  for (let region = 0; region < fleet.regions; region++) {
    let next = region;
    for (let slot = 0; slot < 64; slot++) {
      void (async () => {
        while (next < fleet.vms) {
          const vm = next;
          next += fleet.regions;
          await remediate(vm);
        }
      })();
    }
  }
  during?.(server, clock);
  while (updated < fleet.vms) await clock.advance(10_000);
  await clock.runOut(60_000);
  return { server, seconds: (updatedAt - startedAt) / 1000 };
}

describe('pacing', () => {
  const fleets: [string, Spread, number[]][] = [
    ['1 subscription and region', { vms: 4000, subscriptions: 1, regions: 1 }, [SHARE, 1]],
    [
      '20 subscriptions in 1 region, where the tenant’s bucket binds',
      { vms: 6000, subscriptions: 20, regions: 1 },
      [SHARE, 1],
    ],
    ['20 subscriptions in 8 regions', { vms: 20_000, subscriptions: 20, regions: 8 }, [SHARE]],
  ];
  for (const [name, fleet, shares] of fleets) {
    it(`is at our share of Azure’s limit and not over it: ${name}`, async () => {
      for (const share of shares) {
        const { server, seconds } = await sweep(fleet, share);

        assert.deepEqual(server.refused, []);
        assert.equal(server.accepted, 3 * fleet.vms);
        const efficiency = ideal(fleet, share).seconds / seconds;
        // A token of a window is ours again one window after its request was answered, which takes up to a second here.
        const least = fleet.subscriptions > 1 ? 0.92 : 0.95;
        assert.ok(efficiency >= least && efficiency <= 1, `efficiency ${efficiency} at share ${share}`);
      }
    });
  }

  it('leaves a neighbour who takes half of Compute’s bucket all it wants, and uses the rest', async () => {
    const fleet = { vms: 6000, subscriptions: 1, regions: 1 };
    let theirs = 0;

    const { server, seconds } = await sweep(fleet, SHARE, (azure, clock) => {
      void (async () => {
        for (;;) {
          await clock.sleep(1000 / (500 / 60 / 2));
          theirs += azure.takeAsNeighbour('updates s0 r0', 1);
        }
      })();
    });

    assert.deepEqual([server.refused.length, theirs], [0, 0]);
    // What is left to us: our part of the bucket, then the half of the refill the neighbour does not take.
    const least = (6000 - SHARE * 1500) / (500 / 60 / 2);
    // Compute's refill has to be waited for.
    assert.ok(seconds < least * 1.07, `${seconds} s, ${least} at best`);
  });

  it('finds a bucket that others have emptied, and is refused no more than it takes to find out', async () => {
    const fleet = { vms: 300, subscriptions: 1, regions: 1 };

    const { server } = await sweep(fleet, SHARE, (azure) => azure.takeAsNeighbour('writes s0', 150));

    assert.ok(server.refused.length <= 64, `${server.refused.length} refused`);
    assert.equal(server.accepted, 3 * fleet.vms);
  });
});

describe('a 429', () => {
  /** A server that answers as told, and a way to ask it things; notes when each was asked. */
  function scripted(answers: (path: string, time: number) => [number, Record<string, string>?, string?]) {
    const clock = steppedClock(0);
    const asked: [string, number][] = [];
    const pipeline = pacedPipeline(clock, SHARE);
    const ask = (method: 'GET' | 'PATCH', path: string, region = 'eastus') =>
      inRegion(region, () =>
        pipeline.sendRequest(
          {
            async sendRequest(request): Promise<PipelineResponse> {
              const [status, headers, bodyAsText = ''] = answers(path, clock.now());
              asked.push([path, clock.now()]);
              if (path.endsWith('slow')) await clock.sleep(200);
              return { request, status, headers: createHttpHeaders(headers), bodyAsText };
            },
          },
          createPipelineRequest({ method, url: `https://x/subscriptions/${path}` }),
        ),
      );
    return { clock, asked, ask };
  }

  const vm = (subscription: string, name: string) =>
    `${subscription}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${name}`;

  it('of Resource Manager holds the subscription’s writes in every region, the refused one going first', async () => {
    const { clock, asked, ask } = scripted((_path, time) =>
      time < 7000 ? [429, { 'retry-after': '7' }] : [200],
    );
    void ask('PATCH', vm('s', 'refused'));
    await clock.advance(100);
    void ask('PATCH', vm('s', 'later'), 'westus');
    void ask('PATCH', vm('s', 'last'));

    await clock.advance(20_000);

    assert.deepEqual(
      asked.map(([path]) => path.split('/').at(-1)),
      ['refused', 'refused', 'later', 'last'],
    );
    assert.equal(asked[1]?.[1], 7000);
  });

  it('puts every refused request before those that were not sent yet, however late it comes', async () => {
    const { clock, asked, ask } = scripted((_path, time) =>
      time < 1000 ? [429, { 'retry-after': '7' }] : [200],
    );
    void ask('PATCH', vm('s', 'quick'));
    void ask('PATCH', vm('s', 'slow'));
    await clock.advance(100);
    void ask('PATCH', vm('s', 'later'));

    await clock.advance(20_000);

    assert.deepEqual(
      asked.map(([path]) => path.split('/').at(-1)),
      ['quick', 'slow', 'quick', 'slow', 'later'],
    );
  });

  it('of the identity service holds all subscriptions in that region, and no other region', async () => {
    const body = JSON.stringify({ error: { code: 'FailedIdentityOperation', message: 'throttled' } });
    let answered = 0;
    const { clock, asked, ask } = scripted(() =>
      answered++ === 0 ? [429, { 'retry-after': '9' }, body] : [200],
    );
    void ask('PATCH', vm('a', '1'));
    await clock.advance(0);

    void ask('PATCH', vm('b', '2'));
    void ask('PATCH', vm('b', '3'), 'westus');
    void ask('GET', vm('b', '4'));
    await clock.advance(8999);
    const during = asked.map(([path]) => path.at(-1));
    await clock.advance(1000);

    assert.deepEqual(during.sort(), ['1', '3', '4']);
    assert.deepEqual(asked.map(([path]) => path.at(-1)).slice(3), ['1', '2']);
  });

  it('for a limit of which there is no lane holds the refused request only', async () => {
    const body = JSON.stringify({
      code: 'OperationNotAllowed',
      details: [{ code: 'TooManyRequests', target: 'LowCostGetResource' }],
    });
    let answered = 0;
    const { clock, asked, ask } = scripted(() =>
      answered++ === 0 ? [429, { 'retry-after': '9' }, body] : [200],
    );
    void ask('GET', vm('s', '1'));
    await clock.advance(0);
    void ask('GET', vm('s', '2'));

    await clock.advance(9000);

    assert.deepEqual(
      asked.map(([path, time]) => [path.at(-1), time]),
      [
        ['1', 0],
        ['2', 0],
        ['1', 9000],
      ],
    );
  });

  it('that does not say how long it lasts is taken to last five seconds', async () => {
    let answered = 0;
    const { clock, asked, ask } = scripted(() => (answered++ === 0 ? [429] : [200]));
    void ask('GET', vm('s', '1'));
    await clock.advance(0);
    void ask('GET', vm('s', '2'));

    await clock.advance(6000);

    assert.deepEqual(
      asked.map(([, time]) => time),
      [0, 5000, 5058],
    );
  });

  it('that lasts for longer than some minutes fails the request, and whoever comes meanwhile without asking', async () => {
    const { clock, asked, ask } = scripted(() => [429, { 'retry-after': '1200' }]);
    const refused = ask('PATCH', vm('s', '1'));
    await clock.advance(0);

    const late = ask('PATCH', vm('s', '2'));
    await assert.rejects(late, { kind: 'throttled' });

    assert.equal((await refused).status, 429);
    assert.equal(asked.length, 1);
  });
});

describe('a write in its turn', () => {
  it('is counted from when it left, though it was let go long before', async () => {
    const clock = steppedClock(0);
    const pacer = createPacer(clock, SHARE, () => 0);
    const policy = pacing(pacer, clock);
    const group = 'https://x/subscriptions/s/resourceGroups/g';
    const vm = `${group}/providers/Microsoft.Compute/virtualMachines/v`;
    // What is left, Azure says.
    const headers = createHttpHeaders({ 'x-ms-ratelimit-remaining-subscription-writes': '140' });
    const request = createPipelineRequest({ method: 'PATCH', url: vm });
    const turn = await turnToWrite(pacer, vm, 'eastus');
    await clock.advance(5000);
    const reading = { at: 0, stillHolds: async () => true };
    await restingOn(reading, turn, () =>
      policy.sendRequest(request, async () => ({ request, status: 200, headers })),
    );

    let free = 0;
    const another = { ...lanesOf('PUT', group), urgent: false, again: false };
    for (let n = 0; n < 200; n++) void pacer.enter(another).then(() => free++);
    await clock.advance(0);

    // 60 of Azure's bucket are always left to others.
    assert.equal(free, 140 - 60);
  });
});

describe('a call', () => {
  it('that is urgent goes before others, wherever in the work it is made', async () => {
    const clock = steppedClock(0);
    const policy = pacing(
      createPacer(clock, SHARE, () => 0),
      clock,
    );
    const order: string[] = [];
    const ask = (name: string) => {
      const request = createPipelineRequest({ url: 'https://x/subscriptions/s/resourceGroups/g' });
      return policy.sendRequest(request, async () => {
        order.push(name);
        return { request, status: 200, headers: createHttpHeaders() };
      });
    };
    for (let n = 0; n < 175; n++) void ask('first');
    await clock.advance(0);
    order.length = 0;

    for (let n = 0; n < 5; n++) void ask('other');
    void urgently(async () => {
      await Promise.resolve();
      await ask('urgent');
      await ask('urgent too');
    });
    await clock.advance(200);

    assert.deepEqual(order, ['urgent', 'urgent too', 'other']);
  });
});
