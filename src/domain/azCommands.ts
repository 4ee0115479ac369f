import { fold, foldLocation, type ResourceId, type Scope } from './resourceId.ts';

/** Rights to be granted by the remediator's custom role. */
export interface Grant {
  /** Object or client id of who gets them. */
  readonly principal: string;
  readonly role: string;
  readonly scope: string;
  readonly actions: readonly string[];
  /** True: the role is assigned there and lacks the actions. False: it is not assigned there. Else not known. */
  readonly roleAssigned?: boolean | undefined;
}

const PATIENCE = 'A new grant takes up to 10 minutes to work.';

/** How to grant rights: the commands of the Azure CLI. */
export function grantSteps({ principal, role, scope, actions, roleAssigned }: Grant): string {
  const assign = `az role assignment create --assignee ${principal} --role "${role}" --scope "${scope}"`;
  const names = actions.join(', ');
  const extend = `az role definition list --name "${role}" --query "[0]" > role.json; add ${names} to its actions; az role definition update --role-definition role.json`;
  if (roleAssigned === true) return `Add what the role lacks: ${extend}. ${PATIENCE}`;
  if (roleAssigned === false) return `Assign the role: ${assign}. ${PATIENCE}`;
  return `Grant ${names}. If the role is not assigned there: ${assign}. If it is, it lacks the right: ${extend}. ${PATIENCE}`;
}

/** The command that lets a principal assign one identity, wherever it is: the built-in role for that, on it alone. */
export function grantIdentity(principal: string, identity: string): string {
  return `az role assignment create --assignee ${principal} --role "Managed Identity Operator" --scope "${identity}"`;
}

/** The command that registers a resource provider. */
export function registerProvider(namespace: string, subscriptionId: string): string {
  return `az provider register --namespace ${namespace} --subscription ${subscriptionId}`;
}

/** The command that creates an identity in a group that is there. */
export function createIdentity(
  { subscriptionId, resourceGroup, name }: ResourceId,
  location: string,
): string {
  // Only what has the form of a region gets into a command somebody may copy.
  const region = /^[a-z0-9 ]+$/i.test(location) ? foldLocation(location) : '"its region"';
  return `az identity create --name "${name}" --resource-group "${resourceGroup}" --location ${region} --subscription ${subscriptionId}`;
}

/**
 * The custom role that `infra/authorize*.bicep` makes for each of the scopes: named after the management group, or the
 * subscription. Of several management groups nobody can tell here which one holds the subscription.
 */
export function remediatorRole(scopes: readonly Scope[], subscriptionId: string): string {
  const named = (name: string) => `VM Identity Remediator (${name})`;
  const isHere = (scope: Scope) =>
    'subscriptionId' in scope && fold(scope.subscriptionId) === fold(subscriptionId);
  const groups = scopes.filter((scope) => scope.kind === 'managementGroup');
  if (groups.length === 0 || scopes.some(isHere)) return named(subscriptionId);
  return named(groups.length === 1 ? (groups[0]?.name ?? '') : '{its management group}');
}
