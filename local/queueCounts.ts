import { QueueServiceClient } from '@azure/storage-queue';
import { isQueueNotFound } from './storageErrors.ts';

const MOST_SEEN = 32;

/** The messages of one queue. */
export interface QueueCount {
  /** Those that can be received now. Azure shows no more than 32 of them, so above that they are what is not at hand. */
  readonly visible: number;
  /** Those a worker has at hand, or whose time to be seen has not come. */
  readonly invisible: number;
}

/** Counts the messages of queues; a queue that does not exist has none. `atHand` is how many messages of it workers have. */
export async function countMessages(
  connectionString: string,
  queueNames: Iterable<string>,
  atHand: (queueName: string) => number,
): Promise<Record<string, QueueCount>> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const counts = await Promise.all(
    [...queueNames].map(async (name): Promise<[string, QueueCount]> => {
      const queue = service.getQueueClient(name);
      try {
        const { approximateMessagesCount = 0 } = await queue.getProperties();
        const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: MOST_SEEN });
        const seen = peekedMessageItems.length;
        const visible = seen < MOST_SEEN ? seen : Math.max(seen, approximateMessagesCount - atHand(name));
        return [name, { visible, invisible: Math.max(approximateMessagesCount - visible, 0) }];
      } catch (error) {
        if (isQueueNotFound(error)) return [name, { visible: 0, invisible: 0 }];
        throw error;
      }
    }),
  );
  return Object.fromEntries(counts);
}
