/** How the VMs of a region ended so far. */
export interface SoFar {
  /** VMs that have an end: written, failed, or found to need nothing. Not those a limit held back. */
  readonly looked: number;
  readonly failed: number;
}

// A share says nothing of a handful: one failure of one VM is 100 %.
const FEWEST = 20;

/**
 * True when a region should be stopped: more than the share `threshold` (0 to 1) of the VMs looked at failed. A few
 * failures at the start do not stop it: until 20 VMs (or all of a smaller region) were looked at, the share is taken
 * of that number. So 0 stops at the first failure and 1 never does. Not a rule of Azure's: the policy's remediation
 * task has `failureThreshold`, and says nothing of small numbers.
 */
export function tooManyFailed({ looked, failed }: SoFar, total: number, threshold: number): boolean {
  return failed > threshold * Math.max(looked, Math.min(total, FEWEST));
}
