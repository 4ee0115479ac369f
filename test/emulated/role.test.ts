import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actions, actionsUsed } from '../../src/azure/actions.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { remediatorRole as remediatorRoleName } from '../../src/domain/azCommands.ts';
import { identityId } from '../../src/domain/resourceId.ts';
import { examine } from '../../src/remediation/doctor.ts';
import { shared } from '../../src/remediation/shared.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { aLog, anApp, azureForEachTest, vmIn } from '../azure.ts';
import {
  customRole,
  grant,
  type RemediatorRole,
  type RoleFor,
  remediatorRole,
  roleNameInTemplate,
  roleOfList,
  templateExists,
} from '../role.ts';

const FIRST = '30000000-0000-4000-8000-000000000001';
const SECOND = '30000000-0000-4000-8000-000000000002';
const OUTSIDE = '30000000-0000-4000-8000-000000000009';
const MANAGEMENT_GROUP = '/providers/Microsoft.Management/managementGroups/corp';
const CENTRAL = identityId(OUTSIDE, 'rg-central', 'id-all');

const azure = await azureForEachTest();

const vms = [
  vmIn(FIRST, 'plain'),
  vmIn(FIRST, 'system', { location: 'westeurope', identity: { type: 'SystemAssigned' } }),
  vmIn(SECOND, 'other', { group: 'rg-other' }),
];
const node = vmIn(FIRST, 'node', { group: 'MC_aks' });
const tenant = [
  { id: MANAGEMENT_GROUP },
  ...[FIRST, SECOND].map((id) => ({
    id: `${MANAGEMENT_GROUP}/subscriptions/${id}`,
    type: 'Microsoft.Management/managementGroups/subscriptions',
  })),
  ...vms,
  { id: `/subscriptions/${FIRST}/resourceGroups/MC_aks`, location: 'eastus', managedBy: '/subscriptions/x' },
  node,
];
const lockOf = (id: string) => ({
  id: `${id}/providers/Microsoft.Authorization/locks/CanNotDeleteLock-${id.split('/').at(-1)}`,
  properties: { level: 'CanNotDelete' },
});
const builtIn = (id: string, location: string) =>
  identityId(id, 'built-in-identity-rg', `built-in-identity-${location}`);
const builtInAll = [builtIn(FIRST, 'eastus'), builtIn(FIRST, 'westeurope'), builtIn(SECOND, 'eastus')];
const own = [FIRST, SECOND].map((id) => identityId(id, 'rg-identities', 'id-own'));
const asIdentity = (id: string) => ({ id, location: 'eastus' });

/** Everything a run said to anybody, and whether it did what it should. */
interface Ending {
  readonly passed: boolean;
  readonly said: unknown;
}

const isAssigned = (id: string, identity: (id: string) => boolean): boolean =>
  Object.keys(azure.store.get(id)?.resource.identity?.userAssignedIdentities ?? {}).some(identity);
const carriesGoal = (id: string) => isAssigned(id, (key) => /built-in-identity-|id-own|id-all/.test(key));
const allCarry = () => vms.every(({ id }) => carriesGoal(id)) && !carriesGoal(node.id);

type Settings = Record<string, string>;

async function sweeps(settings: Settings): Promise<Ending> {
  const outcomes: unknown[] = [];
  try {
    const { problems } = await sweep(anApp(azure, settings), {
      onVm: ({ outcome }) => outcomes.push(outcome),
    });
    return { passed: problems.length === 0 && allCarry(), said: problems };
  } catch (error) {
    return { passed: false, said: String(error) };
  }
}

async function worksRegion(settings: Settings): Promise<Ending> {
  const log = aLog();
  const until = '2099-01-01T00:00:00.000Z';
  const message = {
    version: 1,
    location: 'eastus',
    until,
    sweepId: '5ca1ab1e-0001-4000-8000-000000000001',
  } as const;
  const one = shared(anApp(azure, settings));
  await workRegion(one, message, log, { redelivered: false }).catch((error) => log.error(String(error)));
  const carried = vms.filter(({ location }) => location === 'eastus').every(({ id }) => carriesGoal(id));
  return { passed: carried && log.bad().length === 0 && !carriesGoal(node.id), said: log.bad() };
}

async function worksVms(settings: Settings): Promise<Ending> {
  const log = aLog();
  const one = shared(anApp(azure, settings));
  for (const { id } of [...vms, node]) {
    await workVm(one, { version: 1, id }, log, { lastTry: true }).catch((error) => log.error(String(error)));
  }
  return { passed: allCarry() && log.bad().length === 0, said: log.bad() };
}

async function tellsWhyItFailed(settings: Settings): Promise<Ending> {
  const operationError = { code: 'InternalExecutionError', message: 'The disk controller is on fire.' };
  azure.faults.add({ method: 'PATCH', path: '/plain$', times: 9, headers: {}, latencyMs: 0, operationError });
  const { said } = await sweeps(settings);
  return { passed: JSON.stringify(said).includes(operationError.message), said };
}

async function findsAllWell(settings: Settings): Promise<Ending> {
  try {
    const app = anApp(azure, settings);
    const { scopes, excludedScopes } = app.settings;
    const coverage = await resolveScopes(app.clients, scopes, excludedScopes);
    const bad = (await examine(app, coverage, () => undefined)).filter(({ state }) => state !== 'ok');
    // Events are for people to look at: the app has no use for a right to read them.
    const passed = bad.every(({ check, state }) => check === 'events' && state === 'unknown');
    return { passed, said: bad };
  } catch (error) {
    return { passed: false, said: String(error) };
  }
}

interface Scenario extends RoleFor {
  readonly name: string;
  readonly settings?: Settings;
  readonly fleet?: unknown[];
  readonly run: (settings: Settings) => Promise<Ending>;
}

const modeSettings: Record<RoleFor['mode'], Settings> = {
  builtIn: {},
  ownInSubscription: {
    BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
    USER_ASSIGNED_IDENTITY_NAME: 'id-own',
    IDENTITY_RESOURCE_GROUP: 'rg-identities',
  },
  ownCentral: {
    BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
    RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
    USER_ASSIGNED_IDENTITY_RESOURCE_ID: CENTRAL,
  },
};
const runs: [string, Scenario['run']][] = [
  ['a sweep', sweeps],
  ['a region', worksRegion],
  ['events', worksVms],
  ['an operation that fails', tellsWhyItFailed],
  ['doctor', findsAllWell],
];
const ofMode = (mode: RoleFor['mode'], lockIdentities: boolean, what: string, fleet: unknown[]): Scenario[] =>
  runs.map(([name, run]) => ({
    name: `${mode}, ${lockIdentities ? 'locks' : 'no locks'}, ${what}: ${name}`,
    mode,
    lockIdentities,
    fleet,
    run,
  }));
const scenarios: Scenario[] = [
  ...ofMode('builtIn', true, 'fresh', []),
  ...ofMode('builtIn', false, 'fresh', []),
  ...ofMode('builtIn', true, 'the group there', [
    { id: `/subscriptions/${FIRST}/resourceGroups/built-in-identity-rg`, location: 'westus' },
  ]),
  ...ofMode(
    'builtIn',
    true,
    'all there',
    builtInAll.flatMap((id) => [asIdentity(id), lockOf(id)]),
  ),
  ...ofMode('ownInSubscription', true, 'unlocked', own.map(asIdentity)),
  ...ofMode(
    'ownInSubscription',
    true,
    'locked',
    own.flatMap((id) => [asIdentity(id), lockOf(id)]),
  ),
  ...ofMode('ownInSubscription', false, 'there', own.map(asIdentity)),
  ...ofMode('ownCentral', true, 'out of scope', []),
];

async function play(scenario: Scenario, role: RemediatorRole): Promise<Ending> {
  const { mode, lockIdentities } = scenario;
  azure.store.clear();
  azure.faults.clear();
  await azure.seed([
    asIdentity(CENTRAL),
    ...tenant,
    ...(scenario.fleet ?? []),
    ...grant(MANAGEMENT_GROUP, customRole(role.actions, [MANAGEMENT_GROUP])),
    ...(mode === 'ownCentral'
      ? grant(CENTRAL, customRole(role.onCentralIdentity, [CENTRAL], 'central'))
      : []),
  ]);
  return scenario.run({
    SCOPES: MANAGEMENT_GROUP,
    LOCK_IDENTITIES: String(lockIdentities),
    ...modeSettings[mode],
    ...scenario.settings,
  });
}

describe('the role of the remediator is enough:', () => {
  for (const scenario of scenarios) {
    it(scenario.name, async () => {
      const { passed, said } = await play(scenario, remediatorRole(scenario));

      assert.ok(passed, JSON.stringify(said, undefined, 1));
    });
  }

  it('with an identity for all that is in scope, and with nothing but the right to assign it', async () => {
    const scenario = scenarios.find(({ mode, run }) => mode === 'ownCentral' && run === sweeps) as Scenario;
    const role = remediatorRole(scenario);
    const assign = role.onCentralIdentity.filter((action) => action.endsWith('/assign/action'));

    const { passed, said } = await play(scenario, { ...role, onCentralIdentity: assign });

    assert.ok(passed, JSON.stringify(said, undefined, 1));
  });
});

const roles: RoleFor[] = [
  { mode: 'builtIn', lockIdentities: true },
  { mode: 'ownInSubscription', lockIdentities: true },
  { mode: 'ownInSubscription', lockIdentities: false },
  { mode: 'ownCentral', lockIdentities: true },
];

describe('the role of the remediator is minimal:', () => {
  for (const wanted of roles) {
    const { mode, lockIdentities } = wanted;
    const full = remediatorRole(wanted);
    const mine = scenarios.filter((one) => one.mode === mode && one.lockIdentities === lockIdentities);
    const cases = [
      ...full.actions.map((action) => ({ action, scope: /managementGroups\/corp|subscriptions\/30000000/ })),
      ...full.onCentralIdentity.map((action) => ({ action, scope: new RegExp(CENTRAL) })),
    ];
    for (const { action, scope } of cases) {
      const without = (list: readonly string[]) => list.filter((one) => one !== action);
      const role = { actions: without(full.actions), onCentralIdentity: without(full.onCentralIdentity) };
      it(`${mode}, ${lockIdentities ? 'locks' : 'no locks'}: without ${action} something fails and says so`, async () => {
        const failed: { scenario: Scenario; text: string }[] = [];
        for (const scenario of mine) {
          const { passed, said } = await play(scenario, role);
          if (!passed) failed.push({ scenario, text: JSON.stringify(said) });
        }

        assert.ok(failed.length > 0, 'everything went well without it');
        const quiet = failed.filter(({ text, scenario }) => {
          const command = /az role (assignment create|definition update) --/.test(text);
          const told = text.toLowerCase().includes(action.toLowerCase()) && scope.test(text) && command;
          // Where no VM is seen, no region is sent out: the sweep has told already.
          return !told && !(scenario.run === worksRegion && action.endsWith('/virtualMachines/read'));
        });
        assert.deepEqual(quiet, [], 'something failed without saying what is missing');
      });
    }
  }
});

it('the compiled template grants exactly the actions of the list, by the role commands name', {
  skip: !templateExists,
}, () => {
  assert.equal(roleNameInTemplate(), remediatorRoleName([], '{0}'));
  for (const wanted of roles) {
    const sorted = ({ actions, onCentralIdentity }: RemediatorRole) => [
      [...actions].sort(),
      [...onCentralIdentity].sort(),
    ];

    assert.deepEqual(sorted(remediatorRole(wanted)), sorted(roleOfList(wanted)), JSON.stringify(wanted));
  }
});

it('the list gives each action once, with a reason, and grants neither deletes nor role assignments', () => {
  const names = actions.map(({ action }) => action.toLowerCase());

  assert.equal(new Set(names).size, names.length);
  assert.ok(actions.every(({ why }) => why.length > 20));
  assert.ok(names.every((name) => !/\*|\/delete$|roleassignments|roledefinitions/.test(name)));
  assert.ok(
    actionsUsed({ policy: { identity: { kind: 'ownCentral', id: CENTRAL } }, lockIdentities: true }).length <
      12,
  );
});
