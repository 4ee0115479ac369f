/**
 * The compliance percentage: compliant / (compliant + lacking), in percent with one decimal, rounded down so that 100
 * means all. Undefined when there is no VM. Excluded VMs are outside, as the policy's own percentage leaves out what
 * `notScopes` holds (azure-facts, section 10).
 */
export function sharePercent(of: { readonly vms: number; readonly compliant: number }): number | undefined {
  return of.vms === 0 ? undefined : Math.floor((of.compliant * 1000) / of.vms) / 10;
}

/** The same as text: `99.9%`, or a dash when there is no VM. */
export function shareText(of: { readonly vms: number; readonly compliant: number }): string {
  const share = sharePercent(of);
  return share === undefined ? '–' : `${share.toFixed(1)}%`;
}
