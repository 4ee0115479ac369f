/**
 * Every custom event: the name it has in AppEvents, what each property says (all are texts there) and what each
 * measurement counts. What has the value undefined is not sent. On every item there are also those of `common`.
 */
export const events = {
  /** The timer fired, whatever comes of it: silence means that the app does not run. */
  Heartbeat: {
    properties: { effect: 'The EFFECT setting.' },
    measurements: {},
  },
  /** A sweep counted the tenant. One for each sweep; what became of the work is told by `RegionWorked`, by sweep id. */
  SweepBegun: {
    properties: {
      sweepId: 'Names the sweep.',
      trigger: 'What asked for it: sweep, the timer, or cli.',
      effect: 'The EFFECT setting.',
      until: 'When the next sweep begins.',
      rules:
        'The query of Resource Graph that says how each VM stands, for the workbook; not sent when too long.',
    },
    measurements: {
      vms: 'VMs in scope.',
      compliant: 'VMs that need nothing.',
      excluded: 'VMs left out by scope, tag, managed group or because they are being deleted.',
      goalMissing: 'VMs that lack their goal identity.',
      regions: 'Regions that have work.',
      unreadableScopes: 'Scopes that could not be read.',
      oldestMissingHours: 'Age of the oldest VM that lacks its goal identity: it lacks it that long at most.',
      reads: 'GETs sent to Resource Manager.',
      writes: 'Writes sent to Resource Manager.',
      resourceGraph: 'Queries sent to Resource Graph.',
      throttled: 'Requests of all kinds answered 429.',
      durationMs: 'How long it took.',
    },
  },
  /** One run worked on a region, or on all of them. The runs with the same sweep id make up the sweep. */
  RegionWorked: {
    properties: {
      sweepId: 'Names the sweep.',
      trigger: 'What asked for it: sweep, the timer, or cli.',
      location: 'The region; empty: a sweep from the command line, which works on all of them.',
      goesOn: 'true when its time was spent and work is left for another run.',
    },
    measurements: {
      assigned: 'VMs that were given their goal identity.',
      compliant: 'VMs that turned out to need nothing.',
      excluded: 'VMs that turned out to be left alone.',
      deferred: 'VMs left to a later sweep.',
      failed: 'VMs that failed.',
      reads: 'GETs sent to Resource Manager.',
      writes: 'Writes sent to Resource Manager.',
      resourceGraph: 'Queries sent to Resource Graph.',
      throttled: 'Requests of all kinds answered 429.',
      durationMs: 'How long it took.',
    },
  },
  /** A message failed for the last time: the host puts it into the poison queue. */
  MessageGivenUp: {
    properties: { queue: 'The queue it came from.', error: 'What failed it the last time.' },
    measurements: {},
  },
  /** A sweep found messages in a poison queue, those included whose runs were killed and could tell nothing. */
  PoisonFound: {
    properties: { queue: 'The poison queue.' },
    measurements: { messages: 'How many lie there.' },
  },
  /** The look at one VM ended. The audit trail: one for each VM looked at, never sampled. */
  VmRemediated: {
    properties: {
      vmId: 'ARM id of the VM.',
      subscriptionId: 'Its subscription.',
      location: 'Its region; empty when it was not read.',
      goalIdentity: 'ARM id of its goal identity; empty when it was not read.',
      outcome: 'assigned, removed (rollback), compliant, excluded, deferred or failed.',
      reason: 'The reason code.',
      detail: 'Azure’s own message, where there was one.',
      next: 'What a person can do about it.',
      trigger: 'What asked for it: sweep, event or cli.',
      sweepId: 'Names the sweep, or the run from the command line; not on events.',
    },
    measurements: {
      attempts: 'How many times a write was tried.',
      durationMs: 'From the first look to the confirmed end.',
      secondsSinceWritten: 'From the write that Event Grid told of to the end; on events only.',
    },
  },
} as const;

/**
 * Every custom metric: the name it has in AppMetrics and what its dimensions are. The value of an interval is its `Sum`,
 * except where it says otherwise.
 */
export const metrics = {
  /** VMs in scope as a sweep counted them. State: compliant, excluded or goal-missing. One value for each sweep. */
  vms: { dimensions: ['state', 'reason'] },
  /** VMs looked at, by how it ended. */
  outcomes: { dimensions: ['outcome', 'reason', 'trigger'] },
  /** Requests sent. Kind: reads, writes or resourceGraph. */
  calls: { dimensions: ['kind', 'trigger'] },
  /** Requests answered 429. */
  throttled: { dimensions: ['kind', 'trigger'] },
  /** Seconds from the write that Event Grid told of until the identity was there; read Min, Max and the mean. */
  timeToAssign: { dimensions: ['location'] },
  /** How long the parts of a sweep took, ms. Part: counting, or region, one value for each run. */
  durationMs: { dimensions: ['part'] },
  /** Hours the oldest VM that lacks its goal identity exists; read Max. */
  oldestMissingHours: { dimensions: [] },
} as const;

/** Properties on every item that an invocation sends, logged warnings and errors included. */
export const common = {
  functionName: 'The function that ran.',
  invocationId: 'Its invocation, as the host names it in AppRequests and AppTraces.',
} as const;

/** The names of the events. */
export type EventName = keyof typeof events;
/** The names of the metrics. */
export type MetricName = keyof typeof metrics;
/** What asked for the work. */
export type Trigger = 'sweep' | 'event' | 'cli';

type Keys<T> = keyof T & string;
/** The properties of an event, all named; undefined ones are not sent. */
export type EventProperties<N extends EventName> = Readonly<
  Record<Keys<(typeof events)[N]['properties']>, string | undefined>
>;
/** The measurements of an event, all named; undefined ones are not sent. */
export type EventMeasurements<N extends EventName> = Readonly<
  Record<Keys<(typeof events)[N]['measurements']>, number | undefined>
>;
/** The dimensions of a metric, all named. */
export type MetricDimensions<N extends MetricName> = Readonly<
  Record<(typeof metrics)[N]['dimensions'][number], string>
>;
