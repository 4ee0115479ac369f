import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { remediator } from '../emulator/arm/principals.ts';
import { actionsUsed } from '../src/azure/actions.ts';
import type { IdentityMode } from '../src/domain/policy.ts';
import { evaluate, type Scope } from './armExpression.ts';

/** Which role is wanted: as the settings of the app, and the parameters of the template, say. */
export interface RoleFor {
  readonly mode: IdentityMode['kind'];
  readonly lockIdentities: boolean;
}

/** What the remediator is given, and where. */
export interface RemediatorRole {
  /** On the management group, or each subscription. */
  readonly actions: readonly string[];
  /** On the one central identity, in that mode. */
  readonly onCentralIdentity: readonly string[];
}

const TEMPLATE = join(import.meta.dirname, '../infra/azuredeploy.authorize.json');

/** True when the compiled template is there, so that its role is the one that is tested. */
export const templateExists = existsSync(TEMPLATE);

/** The role of the compiled template where that is there, else that of the list of actions. */
export function remediatorRole(wanted: RoleFor): RemediatorRole {
  return templateExists ? roleOfTemplate(wanted) : roleOfList(wanted);
}

/** The role by the list of actions the app uses. */
export function roleOfList({ mode, lockIdentities }: RoleFor): RemediatorRole {
  const used = actionsUsed({ policy: { identity: { kind: mode } as IdentityMode }, lockIdentities });
  const central = used.filter(({ on }) => mode === 'ownCentral' && on === 'identity');
  return {
    actions: used.filter((one) => !central.includes(one)).map(({ action }) => action),
    onCentralIdentity: central.map(({ action }) => action),
  };
}

/** The role in a compiled `authorize` template, by default the one in `infra/`. Throws on expressions it does not know. */
export function roleOfTemplate(wanted: RoleFor, text = readFileSync(TEMPLATE, 'utf8')): RemediatorRole {
  const template = JSON.parse(text) as Template;
  const nested = Object.values(template.resources).find(
    ({ type }) => type === 'Microsoft.Resources/deployments',
  );
  return {
    actions: actionsIn(template, wanted),
    onCentralIdentity:
      wanted.mode === 'ownCentral' && nested?.properties.template
        ? actionsIn(nested.properties.template, wanted)
        : [],
  };
}

/** The name of the role in the compiled template, `{0}` in the place of where it was made. */
export function roleNameInTemplate(): string | undefined {
  return /format\('(VM Identity Remediator [^']*)'/.exec(readFileSync(TEMPLATE, 'utf8'))?.[1];
}

interface Template {
  readonly functions?: readonly { namespace: string; members: Scope['functions'] }[];
  readonly variables?: Scope['variables'];
  readonly resources: Readonly<
    Record<
      string,
      { type: string; properties: { permissions?: { actions: unknown }[]; template?: Template } }
    >
  >;
}

function actionsIn(template: Template, { mode, lockIdentities }: RoleFor): string[] {
  const functions = (template.functions ?? []).flatMap(({ namespace, members }) =>
    Object.entries(members).map(([name, member]) => [`${namespace}.${name}`, member] as const),
  );
  const scope = {
    variables: template.variables ?? {},
    parameters: { mode, lockIdentities },
    functions: Object.fromEntries(functions),
  };
  return Object.values(template.resources)
    .filter(({ type }) => type === 'Microsoft.Authorization/roleDefinitions')
    .flatMap(({ properties }) => properties.permissions ?? [])
    .flatMap(({ actions }) => evaluate(actions, scope) as string[]);
}

/** A role definition as a fleet has it. */
interface RoleDefinition {
  readonly id: string;
  readonly properties: object;
}

/** A custom role, assignable where `assignableScopes` says; without them anywhere. */
export function customRole(
  actions: readonly string[],
  assignableScopes?: readonly string[],
  name = 'c0ffee00-0000-4000-8000-00000000c001',
): RoleDefinition {
  return {
    id: `/providers/Microsoft.Authorization/roleDefinitions/${name}`,
    properties: { permissions: [{ actions, notActions: [] }], ...(assignableScopes && { assignableScopes }) },
  };
}

/** Resources that give a role, custom or built-in by its GUID, to the remediator at a scope, or to somebody else. */
export function grant(
  scope: string,
  role: string | RoleDefinition,
  principalId = remediator.objectId,
): unknown[] {
  const id =
    typeof role === 'string' ? `/providers/Microsoft.Authorization/roleDefinitions/${role}` : role.id;
  const name = `${id.split('/').at(-1)}-${principalId}`;
  return [
    ...(typeof role === 'string' ? [] : [role]),
    {
      id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
      properties: { principalId, roleDefinitionId: id },
    },
  ];
}
