import { randomUUID } from 'node:crypto';
import type { ArmRequest, World } from '../arm/request.ts';
import type { Clock } from '../state/clock.ts';
import { type Entry, subscriptionOf } from '../state/store.ts';
import { createDeliverer, type Deliverer } from './delivery.ts';
import type { EventSubscription, ProvisioningState } from './eventSubscriptions.ts';
import { compileFilter } from './filters.ts';
import { HandshakeError, handshake, MANUAL_VALIDATION_MINUTES } from './handshake.ts';
import { envelopeOf, type ResourceEvent, resourceEvent } from './payload.ts';
import type { DeadLetter, Delivery } from './records.ts';
import { createSchedule } from './schedule.ts';
import { createWebhooks } from './webhooks.ts';

/** An event subscription with how far its validation is. */
export type Registered = EventSubscription & { readonly provisioningState: ProvisioningState };

/** Event Grid: tells webhooks of writes that are complete. */
export interface EventGrid {
  /**
   * Validates the webhook and registers the subscription, in place of one of the same name and what that had pending.
   * `origin` is where this Event Grid's own validation URL is reached. Throws HandshakeError.
   */
  register(subscription: EventSubscription, origin: string): Promise<Registered>;
  list(): Registered[];
  /** Removes one, or all; what is pending is dropped. */
  remove(name?: string): void;
  /** What a GET of a validation URL does. False when the token is wrong or too old. */
  validate(name: string, token: string): boolean;
  /** To be told of every accepted write and deletion. Costs nothing while nobody is subscribed. */
  onWrite(world: World, entry: Entry, request: ArmRequest): void;
  /** Attempts in the order in which they ended. The last hundred thousand are kept. */
  deliveries(): readonly Delivery[];
  clearDeliveries(): void;
  /** The last ten thousand events that were given up. */
  deadLetters(): readonly DeadLetter[];
  /** Forgets subscriptions, pending events and records, and stops every timer and request. */
  clear(): void;
  /** Clears, and closes connections. */
  close(): void;
}

/** How long Event Grid waits for an answer, in seconds (delivery-and-retry). */
const ANSWER_LIMIT_SECONDS = 30;
const MOST_DELIVERIES = 100_000;
const MOST_DEAD_LETTERS = 10_000;

interface Active {
  readonly subscription: EventSubscription;
  readonly matches: (event: ResourceEvent) => boolean;
  readonly deliverer: Deliverer;
  readonly token: string;
  readonly registeredAt: number;
  state: ProvisioningState;
}

/** `random` yields numbers in [0, 1): jitter and chaos. `answerLimitSeconds` is for tests that cannot wait so long. */
export function createEventGrid(
  clock: Clock,
  random: () => number,
  answerLimitSeconds: number = ANSWER_LIMIT_SECONDS,
): EventGrid {
  // Webhooks are real programs, which a fast clock does not make faster: the limit is never shorter than it is for real.
  // A slow clock makes it longer, so that it holds in the emulator's time too.
  const webhooks = createWebhooks((answerLimitSeconds * 1000) / Math.min(1, clock.speed));
  const schedule = createSchedule(clock);
  const active = new Map<string, Active>();
  const deliveries: Delivery[] = [];
  const deadLetters: DeadLetter[] = [];
  let life = new AbortController();

  const parts = {
    clock,
    random,
    webhooks,
    recordDelivery: (delivery: Delivery) => keep(deliveries, delivery, MOST_DELIVERIES),
    recordDeadLetter: (deadLetter: DeadLetter) => keep(deadLetters, deadLetter, MOST_DEAD_LETTERS),
  };

  function stateOf(one: Active): ProvisioningState {
    const late = clock.now() - one.registeredAt > MANUAL_VALIDATION_MINUTES * 60_000;
    if (one.state === 'AwaitingManualAction' && late) one.state = 'Failed';
    return one.state;
  }

  const shown = (one: Active): Registered => ({ ...one.subscription, provisioningState: stateOf(one) });

  function publish(event: ResourceEvent): void {
    for (const one of active.values()) {
      if (stateOf(one) === 'Succeeded' && one.matches(event)) one.deliverer.accept(event);
    }
  }

  function remove(name?: string): void {
    for (const [key, { deliverer }] of active) {
      if (name !== undefined && key !== name.toLowerCase()) continue;
      deliverer.stop();
      active.delete(key);
    }
  }

  function clear(): void {
    life.abort();
    life = new AbortController();
    remove();
    schedule.clear();
    deliveries.length = 0;
    deadLetters.length = 0;
  }

  return {
    async register(subscription, origin) {
      const { name } = subscription;
      const token = randomUUID();
      const registeredAt = clock.now();
      const url = `${origin}/eventSubscriptions/${name}/validate?token=${token}`;
      const { signal } = life;
      const state = await handshake(subscription, url, registeredAt, webhooks, signal);
      if (signal.aborted) throw new HandshakeError('Event Grid was reset or closed during the validation.');
      remove(name);
      const one: Active = {
        subscription,
        matches: matcher(subscription),
        deliverer: createDeliverer(subscription, parts),
        token,
        registeredAt,
        state,
      };
      active.set(name.toLowerCase(), one);
      return shown(one);
    },
    list: () => [...active.values()].map(shown),
    remove,
    validate(name, token) {
      const one = active.get(name.toLowerCase());
      if (!one || one.token !== token || stateOf(one) === 'Failed') return false;
      one.state = 'Succeeded';
      return true;
    },
    onWrite(world, entry, request) {
      // So a subscription made while an operation runs does not hear of its end, which in Azure it would.
      if (active.size === 0) return;
      const endsAt = entry.operation?.endsAt ?? clock.now();
      const created = entry.version === 1 && request.method !== 'DELETE';
      const failed = entry.operation?.error !== undefined;
      const event = resourceEvent(world, request, entry.resource, { created, failed, endsAt });
      schedule.at(endsAt, () => publish(event));
    },
    deliveries: () => deliveries,
    clearDeliveries() {
      deliveries.length = 0;
    },
    deadLetters: () => deadLetters,
    clear,
    close() {
      clear();
      webhooks.close();
    },
  };
}

function matcher(subscription: EventSubscription): (event: ResourceEvent) => boolean {
  const matches = compileFilter(subscription.filter);
  const wanted = subscription.scope === undefined ? undefined : subscriptionOf(subscription.scope);
  return (event) => {
    if (wanted !== undefined && subscriptionOf(event.topic) !== wanted) return false;
    const { eventType, subject } = event;
    return matches({ eventType, subject, envelope: envelopeOf(event, subscription.eventDeliverySchema) });
  };
}

function keep<T>(list: T[], item: T, most: number): void {
  if (list.length >= most) list.splice(0, most / 10);
  list.push(item);
}
