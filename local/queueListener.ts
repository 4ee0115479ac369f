import { setTimeout as delay } from 'node:timers/promises';
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import type { QueueOptions } from './hostJson.ts';
import { holdMessage, type MessageLease } from './messageLease.ts';
import { decodeMessage } from './messageText.ts';
import { createPollDelay } from './pollDelay.ts';
import { sendMessage } from './queueOutput.ts';
import { isGone, isQueueNotFound } from './storageErrors.ts';

/** What a listener needs. */
export interface QueueListenerOptions {
  readonly queue: QueueClient;
  /** Where messages go that failed too often; without one they stay invisible until their lease ends. */
  readonly poison: QueueClient | undefined;
  readonly options: QueueOptions;
  /** How long a received message stays invisible to others, in ms; the host's is ten minutes. */
  readonly leaseMs: number;
  /** Runs the function on a message; says whether it succeeded. Must not reject. */
  run(text: string, message: DequeuedMessageItem): Promise<boolean>;
  log(level: 'warning' | 'error', message: string): void;
}

/** One function's listener on its queue. */
export interface QueueListener {
  /** Polls at once: a function of this process wrote to the queue. */
  wake(): void;
  /** Receives no more. Resolves when the messages at hand are done with. */
  stop(): Promise<void>;
  /** Makes the messages at hand visible to others at once. */
  letGo(): Promise<void>;
}

/**
 * Feeds messages of a queue to a function as the host's queue extension does: batches of `batchSize` while no more than
 * `newBatchThreshold` messages are being worked on, leases renewed at half time, a message deleted after success, shown
 * again after failure, and put to the poison queue when it was received `maxDequeueCount` times (QueueListener.cs,
 * QueueProcessor.cs).
 */
export function startQueueListener(parts: QueueListenerOptions): QueueListener {
  const { queue, options, leaseMs, log } = parts;
  const atHand = new Map<Promise<void>, { readonly id: string; lease?: MessageLease }>();
  const stopping = new AbortController();
  let wake = new AbortController();
  const polling = poll();

  async function poll(): Promise<void> {
    const nextDelay = createPollDelay(options.maxPollingInterval);
    let found = false;
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const batch = await receive();
      if (stopping.signal.aborted) {
        await Promise.all(batch.map((message) => show(message.messageId, message.popReceipt, 0)));
        return;
      }
      for (const message of batch) take(message);
      if (batch.length === 0) {
        const signal = AbortSignal.any([wake.signal, stopping.signal]);
        await delay(nextDelay(found), undefined, { signal }).catch(() => undefined);
      }
      found = batch.length > 0;
      while (atHand.size > options.newBatchThreshold && !stopping.signal.aborted) {
        await Promise.race(atHand.keys());
      }
    }
  }

  async function receive(): Promise<readonly DequeuedMessageItem[]> {
    try {
      const { receivedMessageItems } = await queue.receiveMessages({
        numberOfMessages: options.batchSize,
        visibilityTimeout: leaseMs / 1000,
      });
      return receivedMessageItems;
    } catch (error) {
      if (!isQueueNotFound(error) && !stopping.signal.aborted) {
        log('error', `Polling queue '${queue.name}' failed: ${(error as Error).message}`);
      }
      return [];
    }
  }

  function take(message: DequeuedMessageItem): void {
    const entry: { readonly id: string; lease?: MessageLease } = { id: message.messageId };
    const done = work(message, entry)
      .catch((error) => log('error', `Message '${message.messageId}' of queue '${queue.name}': ${error}`))
      .finally(() => atHand.delete(done));
    atHand.set(done, entry);
  }

  async function work(message: DequeuedMessageItem, entry: { lease?: MessageLease }): Promise<void> {
    const text = decodeMessage(message.messageText, options.messageEncoding);
    if (text === undefined || message.dequeueCount > options.maxDequeueCount) {
      await giveUp(message, message.popReceipt, text === undefined);
      return;
    }
    entry.lease = holdMessage(queue, message, leaseMs, () =>
      log('warning', `The lease of message '${message.messageId}' was lost: it may run a second time.`),
    );
    const succeeded = await parts.run(text, message);
    const receipt = await entry.lease.end();
    if (succeeded) await unlessGone(queue.deleteMessage(message.messageId, receipt));
    else if (message.dequeueCount >= options.maxDequeueCount) await giveUp(message, receipt, false);
    else if (parts.poison) await show(message.messageId, receipt, options.visibilityTimeout / 1000);
  }

  async function giveUp(message: DequeuedMessageItem, receipt: string, undecodable: boolean): Promise<void> {
    const { poison } = parts;
    if (poison === undefined) return;
    const why = undecodable
      ? 'Message is not in the encoding host.json names.'
      : `Message has reached MaxDequeueCount of ${options.maxDequeueCount}.`;
    log('error', `${why} Moving message to queue '${poison.name}'.`);
    await sendMessage(poison, message.messageText, FOR_EVER);
    await unlessGone(queue.deleteMessage(message.messageId, receipt));
  }

  async function show(messageId: string, receipt: string, seconds: number): Promise<void> {
    await unlessGone(queue.updateMessage(messageId, receipt, undefined, seconds));
  }

  return {
    wake: () => wake.abort(),
    stop: async () => {
      stopping.abort();
      await polling;
      await Promise.all(atHand.keys());
    },
    letGo: async () => {
      await Promise.all(
        [...atHand.values()].map(async ({ id, lease }) => lease && show(id, await lease.end(), 0)),
      );
    },
  };
}

const FOR_EVER = -1;

async function unlessGone(action: Promise<unknown>): Promise<void> {
  await action.catch((error) => {
    if (!isGone(error)) throw error;
  });
}
