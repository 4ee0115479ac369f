/** How many VMs of a subscription are to be written. */
export interface SubscriptionWork {
  readonly subscriptionId: string;
  readonly vms: number;
}

/**
 * Packs subscriptions into portions that fit one page of `size` VMs each, so that small subscriptions share a query;
 * one with more VMs has a portion, of several pages, to itself.
 */
export function portions(work: readonly SubscriptionWork[], size = 1000): SubscriptionWork[][] {
  const packed: SubscriptionWork[][] = [];
  let open: SubscriptionWork[] = [];
  let filled = 0;
  for (const subscription of [...work].sort((a, b) => b.vms - a.vms)) {
    if (open.length > 0 && filled + subscription.vms > size) {
      packed.push(open);
      open = [];
      filled = 0;
    }
    open.push(subscription);
    filled += subscription.vms;
  }
  return open.length > 0 ? [...packed, open] : packed;
}

/** The same items in a random order. `random` yields numbers in [0, 1). */
export function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
