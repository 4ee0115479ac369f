import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startService } from './startService.ts';

const ACCOUNT = 'devstoreaccount1';

/** A running Azurite: Microsoft's storage emulator, queues and blobs. */
export interface Azurite {
  /** With a key of this run only. */
  readonly connectionString: string;
  readonly queueEndpoint: string;
  readonly blobEndpoint: string;
  /** Resolves with an Error when it ended by itself. Never rejects. */
  readonly died: Promise<Error>;
  stop(): Promise<void>;
}

/** Starts Azurite on free ports of this machine: in memory, or keeping its data in `dataDir`. Rejects when it does not start. */
export async function startAzurite(dataDir?: string): Promise<Azurite> {
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const key = randomBytes(64).toString('base64');
  const service = startService(
    'Azurite',
    fileURLToPath(import.meta.resolve('azurite/dist/src/azurite.js')),
    [
      ...['--blobPort', '0', '--queuePort', '0', '--tablePort', '0'],
      ...['--silent', '--skipApiVersionCheck', '--disableTelemetry'],
      ...(dataDir === undefined ? ['--inMemoryPersistence'] : ['--location', dataDir]),
    ],
    { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${key}` },
  );
  const endpoints = new Map<string, string>();
  const listening = Promise.withResolvers<void>();
  createInterface({ input: service.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const [, name, url] = /Azurite (\w+) service is successfully listening at (\S+)/.exec(line) ?? [];
    if (name !== undefined) endpoints.set(name, `${url}/${ACCOUNT}`);
    if (name === 'Table') listening.resolve();
  });
  await Promise.race([listening.promise, service.died.then((error) => Promise.reject(error))]);
  const queueEndpoint = endpoints.get('Queue') ?? '';
  const blobEndpoint = endpoints.get('Blob') ?? '';
  return {
    connectionString: [
      'DefaultEndpointsProtocol=http',
      `AccountName=${ACCOUNT}`,
      `AccountKey=${key}`,
      `BlobEndpoint=${blobEndpoint}`,
      `QueueEndpoint=${queueEndpoint}`,
      `TableEndpoint=${endpoints.get('Table')}`,
    ].join(';'),
    queueEndpoint,
    blobEndpoint,
    died: service.died,
    stop: service.stop,
  };
}
