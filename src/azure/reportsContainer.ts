import { Readable } from 'node:stream';
import type { TokenCredential } from '@azure/identity';
import type { ContainerClient } from '@azure/storage-blob';
import { storageRetries, storageService } from './storageService.ts';

/** The blobs the app keeps reports and what they are made from in. Each method rejects with what the storage said. */
export interface ReportsContainer {
  /** The text of a blob; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
  /** Names of the blobs that begin so. */
  list(prefix: string): Promise<string[]>;
  /** Writes a blob as a whole: a reader sees the old or the new one. */
  write(name: string, contentType: string, text: Iterable<string>): Promise<void>;
}

const CONTAINER = 'reports';
// Nothing read back is larger; what is was not written by us.
const MOST_BYTES = 64 * 2 ** 20;
const PIECE = 4 * 2 ** 20;
// A report is worth some seconds of a sweep, not more.
const TIMEOUT_MS = 60_000;

/**
 * The reports container in the storage account of the Functions host. Undefined when no storage account is set. Nothing
 * is asked yet, and the storage client is loaded when first used.
 */
export function reportsContainer(
  env: Readonly<Record<string, string | undefined>>,
  credential: TokenCredential,
): ReportsContainer | undefined {
  const service = storageService(env, 'blob', credential);
  if (!service) return undefined;

  let opened: Promise<ContainerClient> | undefined;
  let created: Promise<unknown> | undefined;
  const open = async (): Promise<ContainerClient> => {
    const { BlobServiceClient } = await import('@azure/storage-blob');
    const options = { retryOptions: storageRetries };
    const client =
      'url' in service
        ? new BlobServiceClient(service.url, service.credential, options)
        : BlobServiceClient.fromConnectionString(service.connectionString, options);
    return client.getContainerClient(CONTAINER);
  };
  const container = (): Promise<ContainerClient> => {
    opened ??= open();
    return opened;
  };

  return {
    async read(name) {
      const blob = (await container()).getBlobClient(name);
      const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
      return unlessMissing(async () => {
        const { contentLength = 0 } = await blob.getProperties({ abortSignal });
        if (contentLength > MOST_BYTES) throw new Error(`${CONTAINER}/${name} is too large to be ours.`);
        return (await blob.downloadToBuffer(0, undefined, { abortSignal })).toString('utf8');
      });
    },
    async list(prefix) {
      const blobs = (await container()).listBlobsFlat({
        prefix,
        abortSignal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const found = await unlessMissing(() => Array.fromAsync(blobs, ({ name }) => name));
      return found ?? [];
    },
    async write(name, contentType, text) {
      const client = await container();
      const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
      created ??= client.createIfNotExists({ abortSignal }).catch((error: unknown) => {
        created = undefined;
        throw error;
      });
      await created;
      const content = Readable.from(text, { objectMode: false });
      await client.getBlockBlobClient(name).uploadStream(content, PIECE, 2, {
        blobHTTPHeaders: { blobContentType: contentType, blobCacheControl: 'no-cache' },
        abortSignal,
      });
    },
  };
}

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}
