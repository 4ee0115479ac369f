import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import type { App } from '../../src/app.ts';
import { AzureError } from '../../src/azure/errors.ts';
import { resolveScopes, ScopeError } from '../../src/azure/scopeResolution.ts';
import { contextLog, type Log } from '../../src/log.ts';
import { examine } from '../../src/remediation/doctor.ts';
import { explainVm } from '../../src/remediation/explainVm.ts';
import { gatherReport } from '../../src/remediation/gatherReport.ts';
import { planSweep } from '../../src/remediation/plan.ts';
import { planWrites } from '../../src/remediation/planWrites.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { toCsv } from '../../src/report/csv.ts';
import { toJson } from '../../src/report/json.ts';
import { anApp, azureForEachTest, vmIn, WRITE } from '../azure.ts';
import { aVmId, OTHER_SUBSCRIPTION, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { startHostileArm, type Tamper } from './hostileArm.ts';
import { changedId, hostileText, runs, UNPRINTABLE } from './inputs.ts';
import { tamper } from './tampers.ts';

const azure = await azureForEachTest();
const arm = await startHostileArm(azure);
after(() => arm.close());

// A hang, not slowness: each of these takes milliseconds.
const HANGS_MS = 60_000;
/** The forms of all URLs the app asks for, below the subscription in scope, as whoever unescapes them would read them. */
const NAMES = '(/[\\p{L}\\p{N}_.()-]*[\\p{L}\\p{N}_()-])+';
const EXPECTED = new RegExp(
  `^(POST /providers/Microsoft\\.ResourceGraph/resources|[A-Z]+ /subscriptions/${SUBSCRIPTION}(/resourcegroups|/providers)${NAMES})$`,
  'iu',
);
function asRead(asked: string): string {
  return decodeURIComponent(asked.replace(/\?.*$/, '')).replaceAll('//', '/');
}
const OF_THE_APP = [
  /\/resourceGroups\/rg-app\/providers\/Microsoft\.Compute\/virtualMachines\/vm-\d$/i,
  /\/resourceGroups\/built-in-identity-rg$/i,
  /\/built-in-identity-rg\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/built-in-identity-[a-z0-9]+$/i,
  /\/userAssignedIdentities\/built-in-identity-[a-z0-9]+\/providers\/Microsoft\.Authorization\/locks\/CanNotDeleteLock-built-in-identity-[a-z0-9]+$/i,
];
const OTHERS = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-id/providers/Microsoft.ManagedIdentity/userAssignedIdentities/other`;

let inputs = 0;
after(() => console.log(`fuzzed the wire with ${arm.tampered()} answers and ${inputs} messages and fleets`));

/** A fleet with one VM out of scope, some identities, and tags of `text`. */
async function aFleet(text = 'x'): Promise<void> {
  azure.store.clear();
  const tags = { text, [text.slice(0, 200) || 'empty']: 'y' };
  const identity = { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [OTHERS]: {} } };
  const carrying = { type: 'UserAssigned', userAssignedIdentities: { [regionalIdentity('eastus')]: {} } };
  await azure.seed([
    { id: OTHERS, location: 'eastus' },
    { id: regionalIdentity('eastus'), location: 'eastus' },
    ...[0, 1, 2].map((n) => vmIn(SUBSCRIPTION, `vm-${n}`, { tags, ...(n > 0 && { identity }) })),
    vmIn(SUBSCRIPTION, 'vm-3', { tags, identity: carrying }),
    vmIn(SUBSCRIPTION, 'vm-4', { location: 'westeurope', tags }),
    vmIn(OTHER_SUBSCRIPTION, 'vm-0', { tags }),
  ]);
}

function anAppBehind(settings: Record<string, string> = {}): App {
  return anApp(azure, {
    SCOPES: `/subscriptions/${SUBSCRIPTION}`,
    ARM_ENDPOINT: arm.endpoint,
    EMBEDDED_AZURE_CLOCK: `100000@${Date.now()}`,
    ...settings,
  });
}

/** Runs work with answers tampered with in turn, and holds what must be true whatever came. */
async function survives(
  answers: readonly (Tamper | undefined)[],
  work: (log: Log) => Promise<string | undefined>,
): Promise<void> {
  let turn = 0;
  lied.clear();
  arm.choose = () => {
    const chosen = answers.length === 0 ? undefined : answers[turn++ % answers.length];
    return chosen && noticingLies(chosen);
  };
  arm.asked.length = 0;
  azure.journal.clear();
  const lines: string[] = [];
  const say = (text: string) => void lines.push(text);
  const log = contextLog({ debug: say, info: say, warn: say, error: say });
  const ended = await Promise.race([
    work(log).then(
      (text) => ({ text: text || '' }),
      (error: unknown) => ({ text: String(error), error }),
    ),
    new Promise<undefined>((resolve) => setTimeout(resolve, HANGS_MS, undefined).unref()),
  ]);
  arm.choose = () => undefined;

  assert.ok(ended, 'it hangs');
  if ('error' in ended) {
    const { error } = ended;
    // What workVm throws so that the message is tried again is plain.
    const known =
      error instanceof AzureError ||
      error instanceof ScopeError ||
      /^Error: \/subscriptions\/|which no reason code is/.test(String(error));
    assert.ok(known, (error as Error).stack);
  }
  assert.deepEqual(arm.astray, [], 'a request went to another host');
  for (const asked of arm.asked) assert.match(asRead(asked), EXPECTED);
  for (const { method, path, status } of azure.journal.calls()) {
    if (!WRITE.test(method) || status >= 400) continue;
    assert.ok(asRead(path).startsWith(`/subscriptions/${SUBSCRIPTION}/`), `${method} ${path}`);
    assert.ok(
      OF_THE_APP.some((form) => form.test(path)),
      `${method} ${path}`,
    );
  }
  for (const line of [...lines, ...ended.text.split('\n')]) {
    assert.doesNotMatch(line, UNPRINTABLE);
    for (const token of arm.tokens) assert.ok(!line.includes(token), 'a token was written');
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined, 'the prototype was polluted');
}

async function quietly(work: Promise<unknown>): Promise<undefined> {
  await work;
}

/** Every VM that had other identities has them still, but where Azure itself said, in good form, that it has none. */
function othersKept(): void {
  for (const { resource } of azure.store.list('microsoft.compute/virtualmachines')) {
    const { id, identity } = resource as {
      id: string;
      identity?: { type: string; userAssignedIdentities?: object };
    };
    const name = id.split('/').at(-1) ?? '';
    if (!['vm-1', 'vm-2'].includes(name) || !id.includes(SUBSCRIPTION) || lied.has(name)) continue;
    assert.match(identity?.type ?? '', /SystemAssigned/);
    assert.ok(Object.keys(identity?.userAssignedIdentities ?? {}).some((one) => /other$/i.test(one)));
  }
}

/** VMs of whose identities an answer said something else than the truth, in a form that cannot be told from it. */
const lied = new Set<string>();
function noticingLies(tamper: Tamper): Tamper {
  return (answer, asked, others) => {
    const told = tamper(answer, asked, others);
    const name = /\/virtualMachines\/([^/?]+)/i.exec(asked.url)?.[1];
    if (asked.method === 'GET' && name !== undefined && isWellFormedVm(told.body)) lied.add(name);
    return told;
  };
}

function isWellFormedVm(body: string): boolean {
  try {
    const { location, identity } = JSON.parse(body);
    const type = identity ? identity.type : 'None';
    return (
      typeof location === 'string' &&
      typeof type === 'string' &&
      /^(none|systemassigned|userassigned)/i.test(type)
    );
  } catch {
    return false;
  }
}

const answers = fc.array(fc.option(tamper, { nil: undefined, freq: 2 }), { minLength: 4, maxLength: 40 });
const message = {
  version: 1,
  location: 'eastus',
  until: '2099-01-01T00:00:00.000Z',
  sweepId: OTHER_SUBSCRIPTION,
} as const;

describe('whatever Azure answers', () => {
  const verbs: Record<string, (app: App, log: Log) => Promise<string | undefined>> = {
    sweep: async (app) => quietly(sweep(app)),
    'the timer and its regions': async (app, log) => {
      const context = shared(app);
      for (const region of await startSweep(context, log))
        await workRegion(context, region, log, { redelivered: false });
      await workRegion(context, message, log, { redelivered: true });
    },
    'an event': (app, log) =>
      quietly(workVm(shared(app), { version: 1, id: aVmId('vm-1').id }, log, { lastTry: true })),
    plan: async (app) => quietly(planWrites(app)),
    explain: async (app) => quietly(explainVm(app, aVmId('vm-2'))),
    doctor: async ({ clients, settings, ...app }) => {
      const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
      return quietly(examine({ ...app, clients, settings }, coverage, () => undefined));
    },
    report: async (app, log) => {
      const coverage = await resolveScopes(app.clients, app.settings.scopes, app.settings.excludedScopes);
      const report = await gatherReport(
        app,
        { coverage, plan: await planSweep(app, coverage), all: true },
        log,
      );
      return [
        ...toJson(report),
        ...[...toCsv(report.rows)].map((text) => text.replaceAll('\ufeff', '').replaceAll('\r', '')),
      ].join('');
    },
  };
  for (const [name, verb] of Object.entries(verbs)) {
    it(`${name} ends, writes only in scope, speaks only to Azure, and loses no identity`, () =>
      fc.assert(
        fc.asyncProperty(answers, async (answers) => {
          await aFleet();
          await survives(answers, (log) => verb(anAppBehind(), log));
          othersKept();
        }),
        runs(6, 0.002),
      ));
  }
});

describe('whatever a message or a fleet holds', () => {
  it('a message about any id writes in scope or nothing', async () => {
    await aFleet();
    const id = fc.oneof(
      changedId(aVmId('vm-1').id),
      changedId(aVmId('vm-0', 'rg-app', OTHER_SUBSCRIPTION).id),
    );
    await fc.assert(
      fc.asyncProperty(id, async (id) => {
        inputs++;
        await survives([], (log) =>
          quietly(workVm(shared(anAppBehind()), { version: 1, id }, log, { lastTry: true })),
        );
      }),
      runs(60, 0.02),
    );
  });

  it('names, tags and texts of a fleet reach no line of a log as they are', () =>
    fc.assert(
      fc.asyncProperty(hostileText, async (text) => {
        inputs++;
        await aFleet(text);
        await survives([], async (log) => {
          const context = shared(anAppBehind({ EXCLUSION_TAG: 'text=kept out' }));
          for (const region of await startSweep(context, log))
            await workRegion(context, region, log, { redelivered: false });
        });
        othersKept();
      }),
      runs(8, 0.002),
    ));
});
