// Longer than most files on purpose: turns, tokens and refusals are one state, and apart nobody could see that they agree.
import type { Clock } from '../clock.ts';
import { type Lanes, type LimitName, throttleLimits } from '../domain/throttleLimits.ts';
import type { Count } from './bucket.ts';
import { AzureError } from './errors.ts';
import { fifo } from './fifo.ts';
import {
  admits,
  countTurn,
  type Lane,
  leaveQueue,
  nextAt,
  queueAt,
  readyAt,
  type Stream,
  shiftWaiter,
  type Token,
  type Waiter,
} from './lane.ts';
import { createLaneRegistry } from './laneRegistry.ts';
import { LONGEST_WAIT_MS } from './throttleAnswer.ts';

/** A request that asks to be let go. */
export interface Entry extends Lanes {
  /** Somebody waits for this very VM: it goes before others, though not always. */
  readonly urgent: boolean;
  /** It was sent before and is sent again, so it goes before those that were not. */
  readonly again: boolean;
  readonly abortSignal?: AbortSignal | undefined;
}

/** A request that was let go. Tell it when it leaves, what the answer says, if one comes, and then that it has ended. */
export interface Pass {
  /** The request leaves now, and not when it was let go. */
  leavesNow(): void;
  /** Azure counted: what is left in one of the request's buckets. */
  count(limit: LimitName, count: Count): void;
  /** Azure refused: closes the lane to everybody, for so many ms at least. */
  close(limit: LimitName, ms: number): void;
  end(): void;
}

/** Lets requests go as fast as our share of Azure's limits allows, and no faster. */
export interface Pacer {
  /**
   * Waits until every lane of the request has a token, and takes all at once, so that nobody keeps one while waiting
   * for another. Rejects with an AbortError when the signal fires; with an AzureError of kind `throttled` when one of
   * the lanes stays closed for longer than a request should wait.
   */
  enter(entry: Entry): Promise<Pass>;
  /** How many lanes are remembered. */
  lanes(): number;
}

/**
 * Makes a pacer that keeps each lane within `share` (0 to 1) of its bucket. Streams of waiters take turns at the lane
 * that is shared by most, and queue at whatever other lane holds them up; what a request costs does not depend on how
 * many wait.
 *
 * A closed lane stays closed for up to twice as long as told, by `random` (numbers in [0, 1)): of several processes that
 * are one caller to Azure, each that asks again too soon makes all of them wait anew (azure-facts, section 1).
 */
export function createPacer(clock: Clock, share: number, random: () => number): Pacer {
  const registry = createLaneRegistry(clock, share);
  const streams = new Map<string, Stream>();
  // Lanes where something may have changed.
  const due = new Set<Lane>();
  let working = false;

  async function enter(entry: Entry): Promise<Pass> {
    const vm = entry.vm && registry.use(entry.vm);
    try {
      for (;;) {
        if (vm) await untilReady(vm, entry.abortSignal);
        const tokens = await queue(entry, vm);
        if (tokens) return pass(tokens);
      }
    } finally {
      if (vm) registry.release(vm);
    }
  }

  /** Waits for the VM's own lane before queueing, so that nobody stands behind a VM that has to wait. */
  async function untilReady(vm: Lane, abortSignal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const now = clock.now();
      if (isClosedTooLong(vm, now)) throw tooLong(vm);
      const at = vm.bucket.readyAt(1, now);
      if (at <= now) return;
      await clock.sleep(at - now, abortSignal);
    }
  }

  /** A token of every lane, the VM's too, once there are; undefined when the VM's own lane was spent meanwhile. */
  function queue(entry: Entry, vm: Lane | undefined): Promise<readonly Token[] | undefined> {
    return new Promise((resolve, reject) => {
      const { abortSignal } = entry;
      if (abortSignal?.aborted) throw aborted();
      const stream = streamOf(entry);
      const onAbort = (): void => {
        waiter.gone = true;
        reject(aborted());
        if (--stream.waiting === 0) dismiss(stream);
        work();
      };
      const waiter: Waiter = {
        vm,
        settle(tokens) {
          abortSignal?.removeEventListener('abort', onAbort);
          resolve(tokens);
        },
        fail(lane) {
          abortSignal?.removeEventListener('abort', onAbort);
          reject(tooLong(lane));
        },
        gone: false,
      };
      abortSignal?.addEventListener('abort', onAbort, { once: true });
      stream[entry.again ? 'returned' : 'fresh'].push(waiter);
      stream.waiting++;
      if (!stream.place) advance(stream, undefined);
      work();
    });
  }

  /** Looks after the lanes that are due until nothing more can go now. */
  function work(): void {
    if (working) return;
    working = true;
    for (const lane of due) {
      due.delete(lane);
      serve(lane);
    }
    working = false;
  }

  function serve(lane: Lane): void {
    for (let stream = nextAt(lane); stream; stream = nextAt(lane)) {
      const now = clock.now();
      const at = readyAt(lane, stream, now);
      if (at > now) {
        wakeAt(lane, at, now);
        return;
      }
      leaveQueue(stream);
      countTurn(lane, stream);
      advance(stream, lane);
    }
    callOffWake(lane);
  }

  /** It is the stream's turn at `from`: its first waiter goes, or the stream queues at the lane that holds it up. */
  function advance(stream: Stream, from: Lane | undefined): void {
    const now = clock.now();
    const holdUp = stream.lanes.find((lane) => lane !== from && !admits(lane, stream, now));
    if (holdUp) {
      moveTo(stream, holdUp, now);
      return;
    }
    const waiter = shiftWaiter(stream);
    if (waiter && (!waiter.vm || waiter.vm.bucket.readyAt(1, now) <= now)) {
      const lanes = waiter.vm ? [...stream.lanes, waiter.vm] : stream.lanes;
      // Now, since others may take theirs before the request goes on.
      const tokens = lanes.map((lane) => take(lane, now));
      notOverdue(stream);
      waiter.settle(tokens);
    } else {
      waiter?.settle(undefined);
    }
    if (stream.waiting === 0) {
      dismiss(stream);
      return;
    }
    // The last lane is the one that most streams share: there they take turns.
    const home = stream.lanes.at(-1) as Lane;
    queueAt(home, stream);
    due.add(home);
  }

  function moveTo(stream: Stream, lane: Lane, now: number): void {
    if (isClosedTooLong(lane, now)) {
      failAll(stream, lane);
      return;
    }
    stream.moves++;
    if (lane.closedUntil > now) notOverdue(stream);
    else if (stream.moves > 1) for (const each of stream.lanes) each.overdue.add(stream);
    queueAt(lane, stream);
    due.add(lane);
  }

  function notOverdue(stream: Stream): void {
    stream.moves = 0;
    for (const lane of stream.lanes) if (lane.overdue.delete(stream)) due.add(lane);
  }

  function pass(tokens: readonly Token[]): Pass {
    const takenAt = clock.now();
    let leftAt = takenAt;
    const tokenOf = (limit: LimitName) => tokens.find(({ lane }) => lane.id.limit === limit);
    for (const { lane } of tokens) lane.users++;
    return {
      leavesNow() {
        leftAt = clock.now();
      },
      count(limit, count) {
        const { lane, number = 0 } = tokenOf(limit) ?? {};
        // What is left of an older request than the newest heard of is old news.
        if (!lane || number < lane.counted) return;
        lane.counted = number;
        const now = clock.now();
        lane.bucket.correct(count, now - leftAt, lane.taken - number, now);
      },
      close(limit, ms) {
        const lane = tokenOf(limit)?.lane;
        if (lane) closeLane(lane, ms, takenAt);
      },
      end() {
        const now = clock.now();
        for (const { lane } of tokens) {
          lane.bucket.answered(takenAt, now);
          registry.release(lane);
        }
      },
    };
  }

  function closeLane(lane: Lane, ms: number, takenAt: number): void {
    const now = clock.now();
    const anew = takenAt > lane.closedAt;
    if (anew) {
      lane.closedAt = now;
      lane.lingering = random();
    }
    lane.closedUntil = Math.max(lane.closedUntil, now + ms * (1 + lane.lingering));
    lane.bucket.closeUntil(lane.closedUntil, now, anew);
    lane.overdue.forEach(notOverdue);
    if (isClosedTooLong(lane, now)) {
      for (let stream = nextAt(lane); stream; stream = nextAt(lane)) failAll(stream, lane);
    }
    work();
  }

  function failAll(stream: Stream, lane: Lane): void {
    for (let waiter = shiftWaiter(stream); waiter; waiter = shiftWaiter(stream)) waiter.fail(lane);
    dismiss(stream);
  }

  function streamOf({ shared, urgent }: Entry): Stream {
    const key = [urgent, ...shared.map((id) => id.key)].join(' ');
    const known = streams.get(key);
    if (known) return known;
    const stream: Stream = {
      key,
      lanes: shared.map(registry.use),
      urgent,
      returned: fifo(),
      fresh: fifo(),
      waiting: 0,
      place: undefined,
      moves: 0,
    };
    streams.set(key, stream);
    return stream;
  }

  function dismiss(stream: Stream): void {
    if (stream.place) due.add(stream.place.lane);
    leaveQueue(stream);
    notOverdue(stream);
    streams.delete(stream.key);
    stream.lanes.forEach(registry.release);
  }

  function wakeAt(lane: Lane, at: number, now: number): void {
    // Infinity: a lane so small that it is left to the one that is overdue, whose leaving makes it due.
    if (at === Number.POSITIVE_INFINITY || (lane.wake && lane.wake.at <= at)) return;
    callOffWake(lane);
    const wake = { at, callOff: new AbortController() };
    lane.wake = wake;
    clock.sleep(at - now, wake.callOff.signal).then(
      () => {
        if (lane.wake === wake) lane.wake = undefined;
        due.add(lane);
        work();
      },
      () => undefined,
    );
  }

  return { enter, lanes: registry.size };
}

function take(lane: Lane, now: number): Token {
  lane.bucket.take(now);
  return { lane, number: ++lane.taken };
}

function callOffWake(lane: Lane): void {
  lane.wake?.callOff.abort();
  lane.wake = undefined;
}

function isClosedTooLong(lane: Lane, now: number): boolean {
  return lane.closedUntil - now > LONGEST_WAIT_MS;
}

function tooLong({ id, closedUntil }: Lane): AzureError {
  const [, ...whose] = id.key.split(' ');
  const until = new Date(closedUntil).toISOString();
  return new AzureError(
    'throttled',
    `Azure refuses ${throttleLimits[id.limit].name} until ${until}, for ${whose.join(' ') || 'the tenant'}.`,
    429,
  );
}

function aborted(): Error {
  return Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' });
}
