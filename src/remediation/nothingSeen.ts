import type { App } from '../app.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { anyGroup, preflight } from './preflight.ts';
import type { Problem } from './problems.ts';

/**
 * Where Resource Graph shows not one VM: whether the right to read them is missing, since it leaves out without a word
 * what may not be read. Asks in one subscription, with one call. Undefined when the right is there, or nobody can tell.
 */
export async function whyNothingSeen(
  app: App,
  { groups, scopes }: Coverage,
): Promise<Omit<Problem, 'vms'> | undefined> {
  const { settings } = app;
  const [group] = groups.filter((scope) => scope.kind === 'resourceGroup');
  const subscriptionId = group?.subscriptionId ?? [...scopes.included.subscriptions][0];
  if (subscriptionId === undefined) return undefined;
  const place = { subscriptionId, resourceGroup: group?.resourceGroup ?? anyGroup(settings) };
  const checks = preflight(app);
  const absent = await checks.missing(place, ['Microsoft.Compute/virtualMachines/read']);
  if (!absent?.length) return undefined;
  return {
    subject: `/subscriptions/${subscriptionId}`,
    reason: 'forbidden',
    ...(await checks.lack(place)),
  };
}
