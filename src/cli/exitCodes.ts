/**
 * Exit codes of every command: done; some VMs failed, something needs a person, or it was stopped before its end;
 * could not run at all.
 */
export const exitCodes = { done: 0, someFailed: 1, couldNotRun: 2 } as const;
