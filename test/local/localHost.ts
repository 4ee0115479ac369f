import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { QueueClient } from '@azure/storage-queue';
import type { HostEvent } from '../../local/events.ts';
import { type LocalHost, type LocalHostOptions, startLocalHost } from '../../local/host.ts';

export const FIXTURE = join(import.meta.dirname, 'fixture');
export const FIXTURE_MAIN = join(FIXTURE, 'src/main.ts');

/** A local host that runs the fixture app, and what it told. */
export interface HostedFixture {
  readonly host: LocalHost;
  readonly events: readonly HostEvent[];
  /** The events of one kind, of one function or of all. */
  of<K extends HostEvent['kind']>(kind: K, functionName?: string): Extract<HostEvent, { kind: K }>[];
  /** The texts of log lines. */
  logs(): string[];
  queue(name: string): TestQueue;
}

/** Starts it: messages are leased for two seconds, and the timer stands still unless asked otherwise. */
export async function hostFixture(options: Partial<LocalHostOptions> = {}): Promise<HostedFixture> {
  const events: HostEvent[] = [];
  const host = await startLocalHost({
    root: FIXTURE,
    mainFile: FIXTURE_MAIN,
    leaseSeconds: 2,
    ...options,
    settings: { TICK_SCHEDULE: '0 0 0 1 1 *', ...options.settings },
    onEvent: (event) => events.push(event),
  });
  const of = <K extends HostEvent['kind']>(kind: K, functionName?: string) =>
    events.filter(
      (event): event is Extract<HostEvent, { kind: K }> =>
        event.kind === kind &&
        (functionName === undefined || ('functionName' in event && event.functionName === functionName)),
    );
  return {
    host,
    events,
    of,
    logs: () => of('log').map((event) => event.message),
    queue: (name) => testQueue(host.connectionString, name),
  };
}

/** Starts it for one test, which stops it. */
export async function hostFixtureFor(
  context: TestContext,
  options?: Partial<LocalHostOptions>,
): Promise<HostedFixture> {
  const fixture = await hostFixture(options);
  context.after(() => fixture.host.stop(0));
  return fixture;
}

/** A queue as somebody outside uses it. */
export interface TestQueue {
  readonly client: QueueClient;
  /** Sends JSON, or a text as it is, in base64 as the host wants it. */
  send(content: unknown): Promise<void>;
  /** The contents of what can be seen, JSON where it is; nothing is taken out. */
  contents(): Promise<unknown[]>;
}

export function testQueue(connectionString: string, name: string): TestQueue {
  const client = new QueueClient(connectionString, name);
  return {
    client,
    send: async (content) => {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await client.sendMessage(Buffer.from(text).toString('base64'));
    },
    contents: async () => {
      const { peekedMessageItems } = await client.peekMessages({ numberOfMessages: 32 });
      return peekedMessageItems.map(({ messageText }) => {
        const text = Buffer.from(messageText, 'base64').toString();
        try {
          return JSON.parse(text);
        } catch {
          return text;
        }
      });
    },
  };
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
