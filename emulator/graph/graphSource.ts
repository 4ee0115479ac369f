/** One row of a Resource Graph table, with the columns Resource Graph has (and no others). */
export interface GraphRow {
  readonly id: string;
  readonly name: string;
  /** Lower case, as Resource Graph prints it: `microsoft.compute/virtualmachines`. */
  readonly type: string;
  readonly tenantId: string;
  readonly kind: string;
  readonly location: string;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
  readonly managedBy: string;
  readonly sku: unknown;
  readonly plan: unknown;
  readonly properties: unknown;
  readonly tags: unknown;
  readonly identity: unknown;
  readonly zones: unknown;
  readonly extendedLocation: unknown;
}

/** What Resource Graph needs to know of the tenant. Implemented by the state; consumed by the query engine. */
export interface GraphSource {
  /**
   * The rows of a table as Resource Graph sees them now (lagging behind writes), for these subscriptions
   * (lower-case ids). `type`, lower case, is a hint: rows of other types may be left out. Returns undefined
   * when there is no such table.
   */
  rows(table: string, subscriptions: ReadonlySet<string>, type?: string): Iterable<GraphRow> | undefined;
  /** Lower-case ids of every subscription at or below the management group, or undefined when it does not exist. */
  subscriptionsUnder(managementGroup: string): readonly string[] | undefined;
  /** Lower-case ids of every subscription in which the caller may read something. */
  readableSubscriptions(): ReadonlySet<string>;
}
