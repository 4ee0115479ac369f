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

function write(pacer: Pacer, path: string): Promise<Pass> {
  const lanes = lanesOf('PUT', `https://x/subscriptions/s/resourceGroups/g${path}`, 'eastus');
  return pacer.enter({ ...lanes, urgent: false, again: false });
}

/**
 * A pacer whose tenant bucket of eastus has been emptied evenly, by subscriptions that do not come again: it gets a
 * token in 24 ms, and then one every 72 ms. Its timers are so many ms late.
 */
async function emptied(lateMs = 0): Promise<{ clock: SteppedClock; pacer: Pacer; letGo: string[] }> {
  const clock = steppedClock();
  const sleep = (ms: number, abortSignal?: AbortSignal) => clock.sleep(ms + lateMs, abortSignal);
  const pacer = createPacer({ ...clock, sleep }, SHARE, () => 0);
  for (let n = 0; n < 280; n++) {
    const pass = await update(pacer, [], `spent-${n}`);
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

    assert.equal(letGo.length, 33);
    assert.deepEqual([count(letGo, 'a'), count(letGo, 'b')], [10, 10]);
  });

  it('go round, too, when timers are late and several tokens have come', async () => {
    const { clock, pacer, letGo } = await emptied(2000);
    for (let n = 0; n < 400; n++) void update(pacer, letGo, `s${n % 4}`);

    await clock.advance(2100);

    assert.equal(letGo.length, 28);
    for (const each of ['s0', 's1', 's2', 's3']) assert.equal(count(letGo, each), 7);
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

  it('come to a subscription that needs two busy lanes, though one is never ready when the other is', async () => {
    const { clock, pacer, letGo } = await emptied();
    // The subscription's writes, every 144 ms, go to other regions; the tenant's assignments, every 72 ms, to other
    // subscriptions. Both are in step, but hardly ever at the same time.
    for (let n = 0; n < 5000; n++) void update(pacer, letGo, `other-${n % 20}`);
    for (const region of ['westus', 'northeurope']) {
      for (let n = 0; n < 3000; n++) void update(pacer, letGo, 's', { region });
    }
    await clock.advance(60_000);
    let ours = 0;
    for (let n = 0; n < 30; n++) void update(pacer, letGo, 's').then(() => ours++);

    await clock.advance(80_000);

    assert.equal(ours, 30);
  });

  it('are not taken by who comes just when a token does', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const order: string[] = [];
    for (let n = 0; n < 140; n++) void write(pacer, '');
    // This sleeper wakes in the same ms as the pacer, and before it.
    const ready = clock.sleep(143);
    void write(pacer, '/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i').then(() =>
      order.push('waiting'),
    );

    void ready.then(() => write(pacer, '')).then(() => order.push('just come'));
    await clock.advance(143);

    assert.deepEqual(order, ['waiting']);
  });
});

describe('a lane that Azure closed', () => {
  it('lets nobody go until its time is over, whoever asks, and other subscriptions all the while', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
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

  for (const [when, afterMs] of [
    ['before a request was held up twice', 0],
    ['after it', 4000],
  ] as const) {
    it(`keeps no token of another lane for a request that waits, also when it was closed ${when}`, async () => {
      const clock = steppedClock();
      // So small a share that the writes of a subscription hold less than two tokens.
      const pacer = createPacer(clock, 0.01, () => 0);
      const letGo: string[] = [];
      const pass = await update(pacer, [], 'other');
      pass.count('tenantAssignments', { remaining: 396 });
      await write(pacer, '');
      // Held up by the writes of its subscription for 2 s, then by the tenant's assignments.
      void update(pacer, letGo, 's');
      await clock.advance(afterMs);

      pass.close('tenantAssignments', 200_000);
      await clock.advance(20_000);
      void update(pacer, letGo, 's', { region: 'westus' });
      await clock.advance(1000);

      assert.deepEqual(letGo, ['s']);
    });
  }

  it('holds up no other region of the subscription, and no reads', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const letGo: string[] = [];
    const pass = await update(pacer, letGo, 's');
    pass.close('vmUpdates', 30_000);

    await update(pacer, letGo, 's', { region: 'westus' });
    await read(pacer, 's');

    assert.equal(letGo.length, 2);
  });

  it('closes one VM only, when it is the VM’s', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
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
    const pacer = createPacer(clock, SHARE, () => 0);
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

describe('what Azure says', () => {
  /** How many writes of a subscription can go at once now. */
  async function free(clock: SteppedClock, pacer: Pacer): Promise<number> {
    let gone = 0;
    for (let n = 0; n < 200; n++) void write(pacer, '').then(() => gone++);
    await clock.advance(0);
    return gone;
  }

  it('counts from when the request was sent, less what went since', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const pass = await write(pacer, '');
    for (let n = 0; n < 50; n++) await write(pacer, '');

    // Others have used 59.
    pass.count('armWrites', { remaining: 140 });

    assert.equal(await free(clock, pacer), 140 - 1 - 50 - 59);
  });

  it('of one of many that went at once does not give away what the others took', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const [first] = await Promise.all(Array.from({ length: 51 }, () => write(pacer, '')));

    // Others have used 59.
    first?.count('armWrites', { remaining: 140 });

    assert.equal(await free(clock, pacer), 140 - 1 - 50 - 59);
  });

  it('of an older request changes nothing once a newer one was answered', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const older = await write(pacer, '');
    await clock.advance(10_000);
    const newer = await write(pacer, '');

    newer.count('armWrites', { remaining: 199 });
    older.count('armWrites', { remaining: 50 });

    assert.equal(await free(clock, pacer), 139);
  });

  it('for a short time does not shorten what it said for a longer one', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const query = () =>
      pacer.enter({
        ...lanesOf('POST', 'https://x/providers/Microsoft.ResourceGraph/resources'),
        urgent: false,
        again: false,
      });
    const [first, second] = [await query(), await query()];
    first.close('resourceGraph', 30_000);
    second.close('resourceGraph', 5000);
    let gone = 0;
    void query().then(() => gone++);

    await clock.advance(29_999);
    const during = gone;
    await clock.advance(1);

    assert.deepEqual([during, gone], [0, 1]);
  });
});

describe('several processes that are one caller', () => {
  it('come to go on, though each call that comes too soon makes all of them wait anew', async () => {
    const clock = steppedClock();
    const windowMs = 20_000;
    let window = { at: clock.now(), used: 0 };
    let shutUntil = 0;
    let refusals = 0;
    let accepted = 0;
    // Azure's window of 400, and its renewed wait.
    const ask = (): boolean => {
      const now = clock.now();
      if (now >= window.at + windowMs) window = { at: now, used: 0 };
      if (now < shutUntil || window.used >= 400) {
        shutUntil = now + windowMs;
        refusals++;
        return false;
      }
      window.used++;
      accepted++;
      return true;
    };
    let seed = 1;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };

    for (let process = 0; process < 4; process++) {
      const pacer = createPacer(clock, SHARE, random);
      const work = async (subscription: string): Promise<void> => {
        const pass = await update(pacer, [], subscription);
        // Each hears of a refusal at another time.
        await clock.sleep(300 + process * 700);
        const again = !ask();
        if (again) pass.close('tenantAssignments', windowMs);
        pass.end();
        if (again) await work(subscription);
      };
      for (let n = 0; n < 250; n++) void work(`s${n % 5}`);
    }
    await clock.advance(600_000);

    assert.equal(accepted, 1000);
    assert.ok(refusals < 1000, `${refusals} refused`);
  });
});

describe('one VM', () => {
  it('is never updated more often than Azure allows for one, and holds up no other meanwhile', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    const hot: string[] = [];
    const cool: string[] = [];

    for (let n = 0; n < 20; n++) void update(pacer, hot, 's', { vm: 'hot' });
    for (let n = 0; n < 20; n++) void update(pacer, cool, 's');
    await clock.advance(0);

    // 70 % of 12; then 2.8 a minute, once Azure's minute is over.
    assert.deepEqual([hot.length, cool.length], [8, 20]);
    await clock.advance(62_000);
    assert.equal(hot.length, 11);
  });
});

describe('an abort', () => {
  it('ends the wait at once, takes no token and leaves no sleeper', async () => {
    const { clock, pacer, letGo } = await emptied();
    const abort = new AbortController();
    const aborted = update(pacer, letGo, 'a', { abortSignal: abort.signal });
    const follower = update(pacer, letGo, 'a');
    await clock.advance(0);

    abort.abort();
    await assert.rejects(aborted, { name: 'AbortError' });
    await clock.advance(97);
    await follower;

    assert.deepEqual(letGo, ['a']);
    assert.equal(clock.sleepers(), 0);
  });

  it('of the only one that waits leaves no sleeper', async () => {
    const { clock, pacer } = await emptied();
    const abort = new AbortController();
    const aborted = update(pacer, [], 'a', { abortSignal: abort.signal });
    await clock.advance(0);
    const before = clock.sleepers();

    abort.abort();
    await assert.rejects(aborted, { name: 'AbortError' });

    assert.deepEqual([before, clock.sleepers()], [1, 0]);
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
      const pacer = createPacer({ ...clock, now }, SHARE, () => 0);
      for (let n = 0; n < waiters; n++) {
        void update(pacer, [], `s${n % 500}`, { region: `r${n % 3}` }).then((pass) => pass.end());
      }
      await clock.runOut(1e9);
      return looked / waiters;
    };

    const few = await looks(1000);
    const many = await looks(30_000);

    assert.ok(many < few * 1.5 + 5, `${many} looks at the clock for each of many, ${few} for each of few`);
  });

  it('in memory do not grow with VMs seen', async () => {
    const clock = steppedClock();
    const pacer = createPacer(clock, SHARE, () => 0);
    let most = 0;

    for (let n = 0; n < 3000; n++) {
      const entered = update(pacer, [], 's');
      await clock.runOut(1e9);
      (await entered).end();
      await clock.advance(100);
      most = Math.max(most, pacer.lanes());
    }

    // A VM's lane is full again after a minute, in which some 430 VMs are updated.
    assert.ok(most < 700, `${most} lanes`);
  });
});
