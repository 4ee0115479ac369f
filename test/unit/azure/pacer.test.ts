import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPacer, type Pacer, type Pass } from '../../../src/azure/pacer.ts';
import { lanesOf } from '../../../src/domain/throttleLimits.ts';
import { type SteppedClock, steppedClock } from '../../steppedClock.ts';

const SHARE = 0.7;
let names = 0;

/** Asks to update a VM, by default one that nobody has updated; notes who was let go. */
function update(
  pacer: Pacer,
  letGo: string[],
  subscription: string,
  more: { region?: string; urgent?: boolean; again?: boolean; vm?: string; abortSignal?: AbortSignal } = {},
): Promise<Pass> {
  const { region = 'eastus', urgent = false, again = false, vm = `v${names++}`, abortSignal } = more;
  const url = `https://x/subscriptions/${subscription}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${vm}`;
  const entered = pacer.enter({ ...lanesOf('PATCH', url, region), urgent, again, abortSignal });
  void entered.then(
    () => letGo.push(subscription),
    () => undefined,
  );
  return entered;
}

function read(pacer: Pacer, subscription: string): Promise<Pass> {
  const lanes = lanesOf('GET', `https://x/subscriptions/${subscription}/resourceGroups/g`);
  return pacer.enter({ ...lanes, urgent: false, again: false });
}

/**
 * A pacer whose tenant window of eastus is used up, by subscriptions that do not come again, at an even pace: so one token
 * comes back each 72 ms.
 */
async function emptied(): Promise<{ clock: SteppedClock; pacer: Pacer; letGo: string[] }> {
  const clock = steppedClock();
  const pacer = createPacer(clock, SHARE);
  for (let count = 0; count < 280; count++) {
    const pass = await update(pacer, [], `spent-${count}`);
    pass.end();
    await clock.advance(71.7);
  }
  return { clock, pacer, letGo: [] };
}

const count = (list: readonly string[], of: string) => list.filter((each) => each === of).length;

describe('turns', () => {
  it('go round the subscriptions, however many wait of one', async () => {
    const { clock, pacer, letGo } = await emptied();
    for (let n = 0; n < 200; n++) void update(pacer, letGo, 'large');
    for (let n = 0; n < 10; n++) for (const small of ['a', 'b']) void update(pacer, letGo, small);

    await clock.advance(2350);

    // 33 of them, one each 72 ms.
    assert.equal(letGo.length, 33);
    assert.deepEqual([count(letGo, 'a'), count(letGo, 'b')], [10, 10]);
  });

  it('go by order within a subscription, and those that come again go first', async () => {
    const { clock, pacer } = await emptied();
    const order: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      void update(pacer, [], 's').then(() => order.push(name));
    }
    void update(pacer, [], 's', { again: true }).then(() => order.push('again'));

    await clock.advance(1000);

    assert.deepEqual(order, ['again', 'first', 'second', 'third']);
  });

  it('are given to urgent ones first, but every fourth to the others', async () => {
    const { clock, pacer } = await emptied();
    const order: string[] = [];
    for (let n = 0; n < 30; n++) void update(pacer, [], `s${n % 3}`).then(() => order.push('-'));
    for (let n = 0; n < 30; n++) {
      void update(pacer, [], `s${n % 3}`, { urgent: true }).then(() => order.push('!'));
    }

    await clock.advance(1150);

    assert.equal(order.join(''), '!!!-!!!-!!!-!!!-');
  });

  it('come to a subscription that needs two busy lanes, though others empty one whenever the other is ready', async () => {
    const { clock, pacer, letGo } = await emptied();
    for (let n = 0; n < 5000; n++) void update(pacer, letGo, `other-${n % 20}`);
    for (let n = 0; n < 3000; n++) void update(pacer, letGo, 's', { region: 'westus' });
    for (let n = 0; n < 3000; n++) void update(pacer, letGo, 's', { region: 'northeurope' });
    await clock.advance(60_000);
    let ours = 0;
    for (let n = 0; n < 30; n++) void update(pacer, letGo, 's').then(() => ours++);

    await clock.advance(120_000);

    assert.equal(ours, 30);
  });
});

describe('a lane that Azure closed', () => {
  it('lets nobody go until its time is over, whoever asks, and other subscriptions all the while', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE);
    const letGo: string[] = [];
    const pass = await update(pacer, letGo, 'bad');

    pass.close('vmUpdates', 30_000);
    for (let n = 0; n < 50; n++) for (const each of ['bad', 'good']) void update(pacer, letGo, each);
    await clock.advance(29_999);
    const during = [count(letGo, 'bad'), count(letGo, 'good')];
    await clock.advance(1);
    const then = count(letGo, 'bad');

    assert.deepEqual(during, [1, 50]);
    assert.equal(then, 2);
  });

  it('holds up no other region of the subscription, and no reads', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE);
    const letGo: string[] = [];
    const pass = await update(pacer, letGo, 's');
    pass.close('vmUpdates', 30_000);

    await update(pacer, letGo, 's', { region: 'westus' });
    await read(pacer, 's');

    assert.equal(letGo.length, 2);
  });

  it('closes one VM only, when it is the VM’s', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE);
    const letGo: string[] = [];
    const pass = await update(pacer, letGo, 's', { vm: 'hot' });
    pass.close('oneVmUpdates', 15_000);

    void update(pacer, letGo, 's', { vm: 'hot' });
    await update(pacer, letGo, 's', { vm: 'cool' });
    const before = letGo.length;
    await clock.advance(14_999);
    const during = letGo.length;
    await clock.advance(1);

    assert.deepEqual([before, during, letGo.length], [2, 2, 3]);
  });

  it('for longer than anybody should wait fails those that wait and those that come, saying until when', async () => {
    const clock = steppedClock(Date.UTC(2026, 0, 1));
    const pacer = createPacer(clock, SHARE);
    const pass = await update(pacer, [], 's');
    pass.close('vmUpdates', 1000);
    const waiting = update(pacer, [], 's');
    const throttled = { kind: 'throttled', message: /VM updates until 2026-01-01T00:20:00.000Z.* s eastus/ };

    pass.close('vmUpdates', 1_200_000);

    await assert.rejects(waiting, throttled);
    await assert.rejects(update(pacer, [], 's'), throttled);
    await clock.advance(1_000_000);
    const letGo: string[] = [];
    void update(pacer, letGo, 's');
    await clock.advance(200_000);
    assert.equal(letGo.length, 1);
  });
});

describe('one VM', () => {
  it('is never updated more often than Azure allows for one, and holds up no other meanwhile', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE);
    const hot: string[] = [];
    const cool: string[] = [];

    for (let n = 0; n < 20; n++) void update(pacer, hot, 's', { vm: 'hot' });
    for (let n = 0; n < 20; n++) void update(pacer, cool, 's');
    await clock.advance(0);

    // 12 less the margin, of which 70 %; then 2.77 a minute.
    assert.deepEqual([hot.length, cool.length], [8, 20]);
    await clock.advance(60_000);
    assert.equal(hot.length, 11);
  });
});

describe('an abort', () => {
  it('ends the wait at once, takes no token and leaves no sleeper', async () => {
    const { clock, pacer, letGo } = await emptied();
    const abort = new AbortController();
    const aborted = update(pacer, letGo, 'a', { abortSignal: abort.signal });
    const follower = update(pacer, letGo, 'a');

    abort.abort();
    await assert.rejects(aborted, { name: 'AbortError' });
    await clock.advance(73);
    await follower;

    assert.deepEqual(letGo, ['a']);
    assert.equal(clock.sleepers(), 0);
  });

  it('of the only one that waits leaves no sleeper', async () => {
    const { clock, pacer } = await emptied();
    const abort = new AbortController();
    const aborted = update(pacer, [], 'a', { abortSignal: abort.signal });

    abort.abort();
    await assert.rejects(aborted, { name: 'AbortError' });

    assert.equal(clock.sleepers(), 0);
  });

  it('that came before rejects without a wait', async () => {
    const { pacer } = await emptied();

    await assert.rejects(update(pacer, [], 'a', { abortSignal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
  });
});

describe('costs', () => {
  it('of a request do not depend on how many wait', async () => {
    const looks = async (waiters: number): Promise<number> => {
      const clock = steppedClock();
      let looked = 0;
      const now = () => {
        looked++;
        return clock.now();
      };
      const pacer = createPacer({ ...clock, now }, SHARE);
      for (let n = 0; n < waiters; n++) {
        void update(pacer, [], `s${n % 500}`, { region: `r${n % 3}` }).then((pass) => pass.end());
      }
      await clock.runOut(1e9);
      return looked / waiters;
    };

    const few = await looks(2000);
    const many = await looks(100_000);

    assert.ok(many < few * 1.5 + 5, `${many} looks at the clock for each of many, ${few} for each of few`);
  });

  it('in memory do not grow with VMs seen', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE);
    let most = 0;

    for (let n = 0; n < 3000; n++) {
      const entered = update(pacer, [], 's');
      await clock.runOut(1e9);
      (await entered).end();
      await clock.advance(100);
      most = Math.max(most, pacer.lanes());
    }

    // A VM's lane is full again after 22 s, in which some 150 VMs are updated.
    assert.ok(most < 500, `${most} lanes`);
  });
});
