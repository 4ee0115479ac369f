import type { Properties } from '../log.ts';
import type { EventMeasurements, EventName, EventProperties, MetricDimensions, MetricName } from './names.ts';

/** Where an item comes from: its operation and its invocation. */
export interface Origin {
  /** W3C traceparent: all items with the same one share an operation id. */
  readonly traceParent: string | undefined;
  readonly functionName?: string;
  readonly invocationId?: string;
}

/** How grave a logged line is. */
export type Severity = 'warning' | 'error';

/** Sends what `names.ts` lists. Nothing here throws: what happens to telemetry is no concern of the work. */
export interface Telemetry {
  event<N extends EventName>(
    name: N,
    properties: EventProperties<N>,
    measurements: EventMeasurements<N>,
  ): void;
  metric<N extends MetricName>(name: N, value: number, dimensions: MetricDimensions<N>): void;
  /** A warning or an error: a fixed message, and what varies as properties. */
  logged(severity: Severity, message: string, properties: Properties | undefined): void;
  /** Runs work; everything sent inside, also after an await, is of this origin. */
  of<T>(origin: Origin, work: () => Promise<T>): Promise<T>;
  /** Sends what is waiting. Resolves within `FLUSH_MS`, however the endpoint fares. */
  flush(): Promise<void>;
}

/** The longest that the end of an invocation waits for its telemetry, ms. */
export const FLUSH_MS = 3_000;

/** Azure cuts the value of a property there, in characters; a message of a thousand VMs is of no use anyway. */
export const LONGEST_PROPERTY = 8192;

/** Sends nothing. */
export const silent: Telemetry = {
  event: () => undefined,
  metric: () => undefined,
  logged: () => undefined,
  of: (_origin, work) => work(),
  flush: async () => undefined,
};

/** The part of the environment that decides about telemetry. */
export type TelemetryEnv = Readonly<Record<string, string | undefined>>;

/**
 * Starts telemetry when a connection string says where to, and otherwise gives `silent`, without loading any of it: the
 * packages behind it take longer to load than the whole app. Never rejects: the app works without telemetry, and says so
 * on the console.
 */
export async function startTelemetry(env: TelemetryEnv): Promise<Telemetry> {
  const connectionString = env.APPLICATIONINSIGHTS_CONNECTION_STRING;
  if (!connectionString) return silent;
  try {
    const { applicationInsights } = await import('./applicationInsights.ts');
    return applicationInsights(connectionString, env);
  } catch (error) {
    console.warn(`Warning: no telemetry is sent. ${(error as Error).message}`);
    return silent;
  }
}
