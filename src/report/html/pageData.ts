import type { LastOutcome, Report, ReportRow } from '../report.ts';

/** A row of the page: its name, and for the rest places in the lists of `PageData`; `last` is -1 when unknown. */
export type PackedRow = readonly [
  name: string,
  subscription: number,
  group: number,
  location: number,
  reason: number,
  goal: number,
  identity: number,
  last: number,
];

/** What the page is made from. 50,000 rows are some 3 MB, since what many rows share is said once. */
export interface PageData {
  readonly report: Omit<Report, 'rows'>;
  readonly subscriptions: readonly Pick<ReportRow, 'subscriptionId' | 'subscriptionName'>[];
  readonly groups: readonly string[];
  readonly locations: readonly string[];
  readonly reasons: readonly Pick<ReportRow, 'state' | 'reason' | 'meaning'>[];
  readonly goals: readonly string[];
  readonly identities: readonly Pick<ReportRow, 'identityType' | 'identities'>[];
  readonly lasts: readonly LastOutcome[];
  readonly rows: readonly PackedRow[];
}

/** Packs a report for the page. */
export function pageData({ rows, ...report }: Report): PageData {
  const subscriptions = list<PageData['subscriptions'][number]>();
  const groups = list<string>();
  const locations = list<string>();
  const reasons = list<PageData['reasons'][number]>();
  const goals = list<string>();
  const identities = list<PageData['identities'][number]>();
  const lasts = list<LastOutcome>();
  const packed = rows.map(
    (row): PackedRow => [
      row.name,
      subscriptions.place({ subscriptionId: row.subscriptionId, subscriptionName: row.subscriptionName }),
      groups.place(row.resourceGroup),
      locations.place(row.location),
      reasons.place({ state: row.state, reason: row.reason, meaning: row.meaning }),
      goals.place(row.goal),
      identities.place({ identityType: row.identityType, identities: row.identities }),
      row.last ? lasts.place(row.last) : -1,
    ],
  );
  return {
    report,
    subscriptions: subscriptions.items,
    groups: groups.items,
    locations: locations.items,
    reasons: reasons.items,
    goals: goals.items,
    identities: identities.items,
    lasts: lasts.items,
    rows: packed,
  };
}

/** A list that holds each item once. */
function list<T>() {
  const places = new Map<string, number>();
  const items: T[] = [];
  return {
    items,
    place(item: T): number {
      const key = JSON.stringify(item);
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, items.length);
      return items.push(item) - 1;
    },
  };
}
