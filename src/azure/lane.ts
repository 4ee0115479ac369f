import { type LaneId, throttleLimits } from '../domain/throttleLimits.ts';
import { type Bucket, bucketOf } from './bucket.ts';
import { type Fifo, fifo } from './fifo.ts';

/** A request that waits. */
export interface Waiter {
  /** The lane of its VM, when it updates one. */
  readonly vm: Lane | undefined;
  /** Lets it go with a token of every lane; undefined: its VM's lane was spent meanwhile and it has none. */
  readonly settle: (tokens: readonly Token[] | undefined) => void;
  readonly fail: (lane: Lane) => void;
  /** True once nobody waits for it any more. */
  gone: boolean;
}

/** A token that was taken. `number` is what `taken` of its lane is with it. */
export interface Token {
  readonly lane: Lane;
  readonly number: number;
}

/** The waiters that need the very same lanes: those of one subscription and region, the urgent ones apart. */
export interface Stream {
  readonly key: string;
  readonly lanes: readonly Lane[];
  readonly urgent: boolean;
  /** Those that were sent before and go again: they come first. */
  readonly returned: Fifo<Waiter>;
  readonly fresh: Fifo<Waiter>;
  /** How many wait; those that are gone are not counted. */
  waiting: number;
  /** Where it stands. A place in a queue that is not this one is an old one. */
  place: Place | undefined;
  /** How often it was held up since it last let a waiter go. */
  moves: number;
}

interface Place {
  readonly lane: Lane;
  readonly stream: Stream;
}

/** One bucket, with the streams that queue at it. A stream queues at one lane at a time: the one that holds it up. */
export interface Lane {
  readonly id: LaneId;
  readonly bucket: Bucket;
  /** Azure refused: closed until then, ms. */
  closedUntil: number;
  /** When it was closed last, though it had been open; and how much longer than told, as a share of that. */
  closedAt: number;
  lingering: number;
  /** Tokens taken ever. */
  taken: number;
  /** What `taken` was for the newest request whose answer had a count. */
  counted: number;
  /**
   * Streams that use it and were held up twice: while they queued at one lane, others emptied another. Oldest first.
   * The oldest one's token is left in every lane it needs, so that it cannot miss again and again.
   */
  readonly overdue: Set<Stream>;
  /** When it will be looked at again, and how to call that off. */
  wake: { readonly at: number; readonly callOff: AbortController } | undefined;
  readonly queues: { readonly urgent: Fifo<Place>; readonly others: Fifo<Place> };
  /** How many streams stand in its queues. */
  standing: number;
  urgentInTurn: number;
  /** Streams that use it and requests that were not answered yet; kept by the registry, as is `listed`. */
  users: number;
  listed: boolean;
}

// After so many urgent turns one is left to the others.
const URGENT_IN_TURN = 3;

/** Makes a full lane with nobody at it. */
export function createLane(id: LaneId, share: number): Lane {
  return {
    id,
    bucket: bucketOf(throttleLimits[id.limit], share),
    closedUntil: 0,
    closedAt: Number.NEGATIVE_INFINITY,
    lingering: 0,
    taken: 0,
    counted: 0,
    overdue: new Set(),
    wake: undefined,
    queues: { urgent: fifo(), others: fifo() },
    standing: 0,
    urgentInTurn: 0,
    users: 0,
    listed: false,
  };
}

/** When the lane can give the stream a token, ms. */
export function readyAt(lane: Lane, stream: Stream, now: number): number {
  const [oldest = stream] = lane.overdue;
  return lane.bucket.readyAt(oldest === stream ? 1 : 2, now);
}

/** True when a stream that has not queued here may take a token: there is one, and it passes nobody. */
export function admits(lane: Lane, stream: Stream, now: number): boolean {
  return (lane.standing === 0 || lane.overdue.has(stream)) && readyAt(lane, stream, now) <= now;
}

/** Puts the stream at the end of the lane's queue. */
export function queueAt(lane: Lane, stream: Stream): void {
  stream.place = { lane, stream };
  lane.queues[stream.urgent ? 'urgent' : 'others'].push(stream.place);
  lane.standing++;
}

/** Takes the stream out of the queue it stands in, if any. */
export function leaveQueue(stream: Stream): void {
  if (stream.place) stream.place.lane.standing--;
  stream.place = undefined;
}

/** Whose turn it is: the oldest that is overdue; then urgent ones, but not always; then the others, in order. */
export function nextAt(lane: Lane): Stream | undefined {
  const [oldest] = lane.overdue;
  if (oldest?.place?.lane === lane) return oldest;
  const urgent = firstOf(lane.queues.urgent);
  const other = firstOf(lane.queues.others);
  return lane.urgentInTurn < URGENT_IN_TURN ? (urgent ?? other) : (other ?? urgent);
}

/** Notes that the stream has its turn. */
export function countTurn(lane: Lane, stream: Stream): void {
  lane.urgentInTurn = stream.urgent ? lane.urgentInTurn + 1 : 0;
}

/** Takes the first waiter that is not gone off the stream. */
export function shiftWaiter(stream: Stream): Waiter | undefined {
  const line = [stream.returned, stream.fresh].find(hasSomebody);
  if (line) stream.waiting--;
  return line?.shift();
}

function hasSomebody(line: Fifo<Waiter>): boolean {
  while (line.peek()?.gone) line.shift();
  return line.peek() !== undefined;
}

function firstOf(queue: Fifo<Place>): Stream | undefined {
  for (let place = queue.peek(); place; place = queue.peek()) {
    if (place.stream.place === place) return place.stream;
    queue.shift();
  }
  return undefined;
}
