import type { Clock } from '../clock.ts';
import type { LaneId } from '../domain/throttleLimits.ts';
import { fifo } from './fifo.ts';
import { createLane, type Lane } from './lane.ts';

/** The lanes that are in use or not full again; others are forgotten, so that memory does not grow with VMs seen. */
export interface LaneRegistry {
  /** The lane, a full one when it is not remembered. Release it when done. */
  use(id: LaneId): Lane;
  release(lane: Lane): void;
  /** How many are remembered. */
  size(): number;
}

/** Makes an empty registry of lanes with `share` (0 to 1) of Azure's buckets. */
export function createLaneRegistry(clock: Clock, share: number): LaneRegistry {
  const lanes = new Map<string, Lane>();
  const unused = fifo<Lane>();

  // Two looks for each lane that comes to be unused: so those cannot pile up.
  function forgetFullOnes(): void {
    for (let looks = 0; looks < 2; looks++) {
      const lane = unused.shift();
      if (!lane) return;
      lane.listed = false;
      if (lane.users > 0) continue;
      if (lane.bucket.isFull(clock.now())) lanes.delete(lane.id.key);
      else list(lane);
    }
  }

  function list(lane: Lane): void {
    if (!lane.listed) unused.push(lane);
    lane.listed = true;
  }

  return {
    use(id) {
      const lane = lanes.get(id.key) ?? createLane(id, share);
      lanes.set(id.key, lane);
      lane.users++;
      return lane;
    },
    release(lane) {
      if (--lane.users > 0) return;
      list(lane);
      forgetFullOnes();
    },
    size: () => lanes.size,
  };
}
