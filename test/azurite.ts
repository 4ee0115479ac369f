import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A storage account for a test. */
export interface Storage {
  readonly connectionString: string;
  stop(): Promise<void>;
}

const ACCOUNT = 'devstoreaccount1';
const KEY = Buffer.from('the key of a storage account that lives as long as a test').toString('base64');

/** Starts Azurite's blob service in memory, on a free port. */
export async function aStorageAccount(): Promise<Storage> {
  const program = new URL(import.meta.resolve('azurite/dist/src/blob/main.js')).pathname;
  const child = spawn(
    process.execPath,
    [program, '--blobPort', '0', '--inMemoryPersistence', '--disableTelemetry', '--silent'],
    {
      env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const endpoint = await listening(child);
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${endpoint}/${ACCOUNT};`;
  return {
    connectionString,
    async stop() {
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function listening(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [endpoint] = /http:\/\/\S+/.exec(line) ?? [];
    if (endpoint) return endpoint;
  }
  throw new Error('Azurite ended before it listened.');
}
