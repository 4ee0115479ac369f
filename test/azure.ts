import { readFileSync } from 'node:fs';
import { after, afterEach, beforeEach, type TestContext } from 'node:test';
import tls from 'node:tls';
import { type Azure, type AzureOptions, startAzure } from '../emulator/azure.ts';
import { type App, createApp } from '../src/app.ts';
import type { Log, Properties } from '../src/log.ts';

/** An embedded Azure for a test: no lags, delays and limits unless asked for, its certificate trusted by this process. */
export async function anAzure(options: AzureOptions = {}): Promise<Azure> {
  const azure = await startAzure({
    graphLagSeconds: 0,
    identityVisibleAfterSeconds: 0,
    operationScale: 0,
    throttle: false,
    ...options,
  });
  const authority = readFileSync(azure.caFile, 'utf8');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority]);
  signInAt(azure);
  return azure;
}

// The managed-identity credential reads these from the process, wherever its client was told to go.
function signInAt({ identityEndpoint, identityHeader }: Azure): void {
  process.env.IDENTITY_ENDPOINT = identityEndpoint;
  process.env.IDENTITY_HEADER = identityHeader;
}

/** One more embedded Azure, for one test. However that ends, it is closed and the process signs in at `azure` again. */
export async function anotherAzure(t: TestContext, azure: Azure, options: AzureOptions): Promise<Azure> {
  const another = await anAzure(options);
  t.after(() => {
    signInAt(azure);
    return another.close();
  });
  return another;
}

/** The embedded Azure of a whole test file, as `anAzure`, empty at the start of each test. Call it once, outside of tests. */
export async function azureForEachTest(options: AzureOptions = {}): Promise<Azure> {
  const azure = await anAzure(options);
  after(() => azure.close());
  beforeEach(() => azure.store.clear());
  afterEach(() => {
    azure.journal.clear();
    azure.faults.clear();
  });
  return azure;
}

/** For EMBEDDED_AZURE_CLOCK: so fast that the pace is not felt. */
export const unpaced = `100@${Date.now()}`;

// By that clock an hour is over every 36 s. A sweep that is hourly and begins just before that leaves its regions to the
// next, which never comes: a test would fail that ran at the wrong moment.
const ONCE_A_YEAR = '0 0 0 1 1 *';

/**
 * The app against it, everything in scope, writes confirmed at once, the next sweep far away. It is paced by a clock that runs so fast that the
 * pace is not felt, unless the embedded Azure has a speed of its own.
 */
export function anApp(azure: Azure, settings: Readonly<Record<string, string>> = {}): App {
  return createApp({
    EMBEDDED_AZURE_CLOCK: unpaced,
    SWEEP_SCHEDULE: ONCE_A_YEAR,
    ...azure.env,
    CONFIRM_AFTER_SECONDS: '0',
    ...settings,
  });
}

/** A line that was logged. */
export interface Line {
  readonly level: keyof Log;
  readonly message: string;
  readonly properties: Properties;
}

/** A log that nobody reads. */
export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A log that remembers. `bad` are its warnings and errors. */
export function aLog(): Log & { lines: Line[]; bad(): Line[] } {
  const lines: Line[] = [];
  const at = (level: keyof Log) => (message: string, properties?: Properties) =>
    void lines.push({ level, message, properties: properties ?? {} });
  return {
    lines,
    bad: () => lines.filter(({ level }) => level === 'warn' || level === 'error'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

/** A VM in ARM's form. */
export function vmIn(subscriptionId: string, name: string, more: Record<string, unknown> = {}) {
  const group = String(more.group ?? 'rg-app');
  return {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}`,
    location: 'eastus',
    ...more,
  };
}

/** A ReadOnly lock on a VM, so that no write of it is let through. */
export function lockOn({ id }: { readonly id: string }) {
  return { id: `${id}/providers/Microsoft.Authorization/locks/l`, properties: { level: 'ReadOnly' } };
}

/** How many calls the journal has whose method and path match. */
export function callsTo(azure: Azure, method: RegExp, path: RegExp): number {
  return azure.journal.calls().filter((call) => method.test(call.method) && path.test(call.path)).length;
}

export const VM_PATH = /\/virtualMachines\/[^/]+$/i;
export const WRITE = /^(PUT|PATCH|DELETE)$/;
