/** One thing that `doctor` looked at, and how it is. */
export interface Check {
  /** A subscription's id or the id of an identity; empty for what concerns the app as a whole. */
  readonly subject: string;
  readonly check: string;
  /** `unknown`: Azure did not say. Sweeps go ahead then, and writes tell. */
  readonly state: 'ok' | 'missing' | 'unknown';
  readonly detail: string;
  /** What to do about it; empty when it is ok. */
  readonly next: string;
}
