import type { QueueClient, QueueServiceClient } from '@azure/storage-queue';

/**
 * The queue for messages that failed too often. Undefined where there is none: behind a poison queue, and where the name
 * would be too long (QueuesOptions.cs).
 */
export function poisonQueueOf(service: QueueServiceClient, queueName: string): QueueClient | undefined {
  const name = `${queueName}-poison`;
  return queueName.endsWith('-poison') || name.length > 63 ? undefined : service.getQueueClient(name);
}
