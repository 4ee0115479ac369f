import { subscriptionNumber } from '../emulator/fleet/generate.ts';
import { refusals } from './benchAzure.ts';
import { baselines, type Contender, contend, ours } from './contenders.ts';
import { locationsOf } from './fleet.ts';
import { number, type Scenario } from './scenario.ts';

interface Neighbour {
  readonly sent: number;
  readonly refused: number;
}

const SPEED = { quick: 22, whole: 15 };
const SHARE = 0.5;

export const neighbour: Scenario = {
  about: 'what another caller, who uses half of Compute’s refill, suffers beside the app and beside others',
  async run(quick, say) {
    // So many that a client which takes what it can get leaves the neighbour too little.
    const fleet = { vms: quick ? 3000 : 4000, subscriptions: 1, regions: 1 };
    const [location = ''] = locationsOf(fleet);
    const spec = { subscriptionId: subscriptionNumber(1), location, shareOfRefill: SHARE };
    const all = [];
    for (const contender of quick ? ours.slice(0, 1) : [...ours, ...baselines.map(shortened)]) {
      const done = await contend(
        contender,
        fleet,
        quick ? SPEED.quick : SPEED.whole,
        async ({ controlEndpoint }) => {
          const [one] = (await (await fetch(`${controlEndpoint}/neighbours`)).json()) as Neighbour[];
          return one ?? { sent: 0, refused: 0 };
        },
        ({ controlEndpoint }) =>
          fetch(`${controlEndpoint}/neighbours`, { method: 'POST', body: JSON.stringify(spec) }),
      );
      say(`${done.name}: neighbour refused ${done.after.refused} of ${done.after.sent}`);
      all.push(done);
    }
    return {
      figures: { fleet, neighbour: spec, all },
      tables: [
        {
          title: `A neighbour that uses half of Compute’s refill, beside ${number(fleet.vms)} VMs in 1 subscription, 1 region`,
          head: ['who', 'seconds', 'undone', 'own 429s', 'neighbour’s calls', 'its 429s'],
          rows: all.map(({ name, vms, seconds, digest, after }) => [
            name,
            number(seconds),
            vms === fleet.vms ? number(digest.undone) : '',
            number(refusals(digest)),
            number(after.sent),
            number(after.refused),
          ]),
          notes: ['Where no undone VMs are given, it did the first 60 or 300 only, as it is slow.'],
        },
      ],
      regressions: all
        .filter(({ name, after }) => name === ours[0]?.name && after.refused > 0)
        .map(
          ({ name, after }) => `${name}: the neighbour was refused ${after.refused} times, expected never`,
        ),
    };
  },
};

// Deployments go at a pace of their own, however many VMs there are.
function shortened(contender: Contender): Contender {
  const { baseline } = contender;
  return baseline?.kind === 'policy' ? { ...contender, baseline: { ...baseline, first: 300 } } : contender;
}
