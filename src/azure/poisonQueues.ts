import type { TokenCredential } from '@azure/identity';
import { queues } from '../queues.ts';
import { storageRetries, storageService } from './storageService.ts';

/** What a poison queue holds. */
export interface PoisonCount {
  readonly queue: string;
  readonly messages: number;
}

/** Tells what lies in the queues where the host puts messages it has given up. */
export interface PoisonQueues {
  /** Those that hold something. Rejects with what the storage said. */
  counts(): Promise<PoisonCount[]>;
}

const TIMEOUT_MS = 20_000;

/**
 * The poison queues of the Functions host. Undefined when no storage account is set. Nothing is asked yet, and the
 * storage client is loaded when first used.
 */
export function poisonQueues(
  env: Readonly<Record<string, string | undefined>>,
  credential: TokenCredential,
): PoisonQueues | undefined {
  const service = storageService(env, 'queue', credential);
  if (!service) return undefined;
  return {
    async counts() {
      const { QueueServiceClient } = await import('@azure/storage-queue');
      const options = { retryOptions: storageRetries };
      const client =
        'url' in service
          ? new QueueServiceClient(service.url, service.credential, options)
          : QueueServiceClient.fromConnectionString(service.connectionString, options);
      const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
      const counted = await Promise.all(
        Object.values(queues).map(async (name) => {
          const queue = `${name}-poison`;
          try {
            const { approximateMessagesCount: messages = 0 } = await client
              .getQueueClient(queue)
              .getProperties({ abortSignal });
            return { queue, messages };
          } catch (error) {
            if ((error as { statusCode?: number }).statusCode === 404) return { queue, messages: 0 };
            throw error;
          }
        }),
      );
      return counted.filter(({ messages }) => messages > 0);
    },
  };
}
