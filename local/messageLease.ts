import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import { isGone } from './storageErrors.ts';

/** The time a message stays invisible to others, held on to while its function runs. */
export interface MessageLease {
  /** Stops renewing; returns the pop receipt that is valid now. */
  end(): Promise<string>;
}

/**
 * Renews the invisibility of a received message at half of `leaseMs`, sooner after an error, until it is ended or lost
 * to somebody else; then `onLost` is called (QueueListener.cs, UpdateQueueMessageVisibilityCommand.cs).
 */
export function holdMessage(
  queue: QueueClient,
  message: DequeuedMessageItem,
  leaseMs: number,
  onLost: () => void,
): MessageLease {
  let receipt = message.popReceipt;
  let ended = false;
  let renewing = Promise.resolve();
  let timer = setTimeout(renew, leaseMs / 2);

  function renew(): void {
    renewing = (async () => {
      let wait = leaseMs / 2;
      try {
        const renewed = await queue.updateMessage(message.messageId, receipt, undefined, leaseMs / 1000);
        receipt = renewed.popReceipt ?? receipt;
      } catch (error) {
        if (isGone(error)) return onLost();
        wait = leaseMs / 8;
      }
      if (!ended) timer = setTimeout(renew, wait);
    })();
  }

  return {
    end: async () => {
      ended = true;
      clearTimeout(timer);
      await renewing;
      return receipt;
    },
  };
}
