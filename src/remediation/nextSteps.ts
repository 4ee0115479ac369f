import type { AzureError } from '../azure/errors.ts';
import { grantIdentity, grantSteps, registerProvider, remediatorRole } from '../domain/azCommands.ts';
import { isGuid, parseIdentityId } from '../domain/resourceId.ts';
import type { Settings } from '../settings.ts';

/** The settings next steps are made from. */
export type About = Pick<Settings, 'scopes' | 'policy' | 'clientId' | 'objectId'>;

/** How to grant rights in a subscription. `objectId` is who lacks them, where Azure has said it. */
export function grantIn(
  about: About,
  subscriptionId: string,
  actions: readonly string[],
  objectId?: string,
  roleAssigned?: boolean,
): string {
  return grantSteps({
    principal: principal(about, objectId),
    role: remediatorRole(about.scopes, subscriptionId),
    scope: `/subscriptions/${subscriptionId}`,
    actions,
    roleAssigned,
  });
}

/** How to let the remediator read and assign one identity. */
export function grantOn(about: About, identity: string, objectId?: string): string {
  return `Let the remediator assign it: ${grantIdentity(principal(about, objectId), identity)}`;
}

/** The next step that only the error can tell, its ids filled in; undefined when the step of its reason is as good. */
export function stepFor(about: About, error: AzureError, subscriptionId: string): string | undefined {
  const { right, namespace } = error.missing;
  // Only what has the form of a name or an id gets into a command somebody may copy.
  if (namespace !== undefined && /^[\w.]+$/.test(namespace)) {
    return `Register it: ${registerProvider(namespace, subscriptionId)}`;
  }
  if (!right || !/^[\w.*/-]+$/.test(right.action)) return undefined;
  const central = about.policy.identity.kind === 'ownCentral' ? parseIdentityId(right.scope) : undefined;
  if (central) return grantOn(about, central.id, right.objectId);
  return grantIn(about, subscriptionId, [right.action], right.objectId);
}

// As Azure has said, or as the settings do.
function principal({ clientId, objectId }: About, told?: string): string {
  return (
    [told, objectId, clientId].find((id) => id !== undefined && isGuid(id)) ?? '"object id of the remediator"'
  );
}
