import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deltaModel, type MakeContender, policyModel, thisApp } from './races/contenders.ts';
import { type Run, race } from './races/run.ts';
import { number, type Scenario } from './scenario.ts';

const RACES = 10_000;
const RACES_QUICK = 300;
const resultsFile = join(import.meta.dirname, 'results/races.json');

const models: readonly (readonly [string, MakeContender])[] = [
  ['policy, read-merge-PUT (model)', policyModel],
  ['delta PATCH without If-Match (model)', deltaModel],
];

export const races: Scenario = {
  about: 'what is lost when others write to the same VMs meanwhile (--races N, --seed N)',
  async run(quick, say, flags) {
    const wanted = flags.races ?? (quick ? RACES_QUICK : RACES);
    const seed = flags.seed ?? 1 + Math.floor(Math.random() * 1_000_000);
    say(`seed ${seed}`);
    const ours = await race(thisApp, seed, { races: wanted });
    const runs = [{ name: 'this app', ...ours }];
    say(shortly('this app', ours));
    for (const [name, make] of models) {
      const run = await race(make, seed, { vms: ours.vms });
      say(shortly(name, run));
      runs.push({ name, ...run });
    }
    const figures = { seed, runs };
    if (!quick) {
      mkdirSync(join(resultsFile, '..'), { recursive: true });
      writeFileSync(resultsFile, `${JSON.stringify(figures, undefined, 2)}\n`);
    }
    return {
      figures,
      regressions: wrongIn(ours),
      tables: [
        {
          title: `Races on ${number(ours.vms)} VMs, seed ${seed}`,
          head: [
            'who',
            'races',
            'user-assigned lost',
            'system lost',
            'brought back',
            'VMs without goal',
            'writes',
            'refused',
          ],
          rows: runs.map(({ name, count, end }) => [
            name,
            number(count.races),
            number(count.lostUserAssigned),
            number(count.lostSystem),
            number(count.broughtBack),
            `${number(end.withoutGoal)} of ${number(end.vms)}`,
            number(count.accepted),
            number(count.refused),
          ]),
          notes: [
            'A race: a rival’s write accepted between a read and its write, or between a write and its confirmation.',
            'Lost: on the VM right before the write, not after it. Brought back: taken away by others meanwhile.',
            'VMs without goal: after a last sweep with the rivals gone. Models are models of call order.',
          ],
        },
      ],
    };
  },
};

function shortly(name: string, { count, seconds }: Run): string {
  const lost = count.lostUserAssigned + count.lostSystem;
  return `${name}: ${number(count.races)} races, ${number(lost)} identities lost, in ${number(seconds)} s`;
}

/** What must never happen and did, in sentences. */
export function wrongIn({ seed, count, end, damage }: Run): string[] {
  const must: readonly (readonly [string, number])[] = [
    ['user-assigned identities lost by our writes', count.lostUserAssigned],
    ['system identities lost by our writes', count.lostSystem],
    ['identities brought back by our writes', count.broughtBack],
    ['user-assigned identities missing at the end', end.lostUserAssigned],
    ['system identities missing at the end', end.lostSystem],
    ['identities at the end that nobody put there', end.broughtBack],
    ['VMs without their goal identity after the last sweep', end.withoutGoal],
  ];
  const wrong = must
    .filter(([, times]) => times > 0)
    .map(([what, times]) => `${times} ${what}, seed ${seed}`);
  return [...wrong, ...(wrong.length > 0 ? damage : [])];
}
