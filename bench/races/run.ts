import { setTimeout as delay } from 'node:timers/promises';
import type { Pipeline } from '@azure/core-rest-pipeline';
import { remediator } from '../../emulator/arm/principals.ts';
import { type Azure, startAzure } from '../../emulator/azure.ts';
import { seededRandom } from '../../emulator/random.ts';
import type { Tally } from '../../src/domain/outcome.ts';
import { goalOf } from '../fleet.ts';
import { trustAzure } from '../trustAzure.ts';
import type { MakeContender } from './contenders.ts';
import { raceVm, subscriptions, surroundings } from './fleet.ts';
import { type Count, createLedger, type Ending, type Identities } from './ledger.ts';
import { createRivals } from './rivals.ts';
import { actsOn, type RivalAct, type RivalKind } from './schedule.ts';
import { longWire, waiting } from './wire.ts';
import { identitiesOf, witness } from './witness.ts';

/** How far a run goes: until so many races were run, or until so many VMs were raced for. */
export type Until = { readonly races: number } | { readonly vms: number };

/** What a run came to. */
export interface Run {
  readonly seed: number;
  /** VMs that were there at the beginning. */
  readonly vms: number;
  readonly count: Count;
  readonly damage: readonly string[];
  /** After a last sweep, with the rivals gone. */
  readonly end: Ending;
  /** How the looks at VMs ended, the last sweep's too. */
  readonly tally: Tally;
  readonly seconds: number;
}

interface Script {
  readonly number: number;
  readonly id: string;
  readonly location: string;
  readonly begun: Set<RivalAct['after']>;
  /** What comes before the sweep's next request about the VM. */
  readonly first: Promise<void>[];
}

const VMS_AT_A_TIME = 250;
// Faster, and what the machine takes for a call would be as long as Azure takes to delete a VM.
const SPEED = 25;
// Resource Graph's 30 s, and some, in the machine's time.
const SETTLED_MS = 45_000 / SPEED;
// A request is on its way no longer than this, 2 s of the embedded Azure's, whoever has to come first.
const LONGEST_WAY_MS = 80;
const VM_TYPE = 'microsoft.compute/virtualmachines';

/**
 * Lets a contender bring VMs to their goal while rivals write to the same VMs, in an embedded Azure of its own, and holds
 * the outcome against the ledger. Rivals act when the contender's sweep has read a VM and when it has written it: on the same VM the same for every contender.
 * A request that some of them have to come before waits for these, at most `longestWayMs` of the machine's.
 */
export async function race(
  make: MakeContender,
  seed: number,
  until: Until,
  longestWayMs = LONGEST_WAY_MS,
): Promise<Run> {
  const startedAt = performance.now();
  const azure = await startAzure({ speed: SPEED, throttle: false, seed });
  trustAzure(azure);
  await azure.seed([...surroundings(), ...goals()]);
  const ledger = createLedger();
  const rivals = createRivals(azure);
  const random = seededRandom(seed);
  const acting = new Set<Promise<void>>();
  const scripts = new Map<string, Script>();
  const firstOf = (vm: string) =>
    Promise.race([Promise.all(scripts.get(vm)?.first ?? []), delay(longestWayMs)]);
  const lay = (pipeline: Pipeline): void => {
    pipeline.addPolicy(longWire(random), { afterPhase: 'Retry' });
  };
  const layToSweep = (pipeline: Pipeline): void => {
    pipeline.addPolicy(waiting(firstOf), { afterPhase: 'Retry' });
    lay(pipeline);
  };
  const contender = make(azure, layToSweep, lay);

  function begin({ id, location, number, first }: Script, after: RivalAct['after']): void {
    const event = () => contender.event(id, location);
    const play = async (kind: Exclude<RivalKind, 'event'>, act: Omit<RivalAct, 'kind'>): Promise<void> => {
      await rivals.play(id, { ...act, kind });
      if (kind === 'deleted and made again') await event();
    };
    for (const { kind, ...act } of actsOn(number, seed)) {
      if (act.after !== after) continue;
      const work = kind === 'event' ? delay(act.delayMs).then(event) : play(kind, act);
      acting.add(work);
      void work.finally(() => acting.delete(work));
      if (act.first) first.push(work);
    }
  }
  witness(azure, (one) => {
    ledger.happened(one);
    const script = one.who === remediator.clientId ? scripts.get(one.vm) : undefined;
    const after = one.what === 'read' ? 'read' : 'write';
    if (!script || !(one.what === 'read' || one.what === 'written') || script.begun.has(after)) return;
    script.begun.add(after);
    begin(script, after);
  });

  let vms = 0;
  try {
    while ('races' in until ? ledger.count.races < until.races : vms < until.vms) {
      const numbers = Array.from({ length: VMS_AT_A_TIME }, (_, index) => vms + index);
      vms += numbers.length;
      const fresh = numbers.map((number) => ({ number, ...raceVm(number, seed) }));
      await azure.seed(fresh.map(({ number: _, ...vm }) => vm));
      for (const { number, id, location } of fresh) {
        scripts.set(id.toLowerCase(), { number, id, location, begun: new Set(), first: [] });
      }
      await contender.sweep(fresh);
    }
    while (acting.size > 0) await Promise.all(acting);
    scripts.clear();
    await delay(SETTLED_MS);
    await contender.sweep([...present(azure).values()]);
    await delay(SETTLED_MS);
    const { count, damage } = ledger;
    const seconds = (performance.now() - startedAt) / 1000;
    return { seed, vms, count, damage, end: ledger.close(present(azure)), tally: contender.tally, seconds };
  } finally {
    rivals.close();
    await azure.close();
  }
}

/** The VMs there are, by id in lower case. */
function present(azure: Azure): Map<string, { id: string; location: string; identities: Identities }> {
  const vms = new Map<string, { id: string; location: string; identities: Identities }>();
  for (const { resource, deleted, operation } of azure.store.list(VM_TYPE)) {
    if (deleted || operation?.kind === 'Deleting') continue;
    const { id, location = '', identity } = resource;
    vms.set(id.toLowerCase(), { id, location, identities: identitiesOf(identity) });
  }
  return vms;
}

function goals(): unknown[] {
  return subscriptions.flatMap((id) =>
    ['eastus', 'westeurope'].map((location) => ({ id: goalOf(id, location), location })),
  );
}
