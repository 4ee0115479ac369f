const GONE = ['PopReceiptMismatch', 'MessageNotFound', 'QueueNotFound', 'QueueBeingDeleted', 'QueueDisabled'];

/** True where a message is not ours any more, or its queue is not there: nothing is left to do with it. */
export function isGone(error: unknown): boolean {
  return GONE.includes(codeOf(error));
}

/** True where there is no such queue. */
export function isQueueNotFound(error: unknown): boolean {
  return codeOf(error) === 'QueueNotFound';
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
