import { refusals } from './benchAzure.ts';
import { baselines, contend, type Done, ours } from './contenders.ts';
import { ideal } from './ideal.ts';
import { number, type Scenario } from './scenario.ts';

const SPEED = 10;

export const compared: Scenario = {
  about: 'the app beside scripts and models of other tools, on the same fleet',
  async run(quick, say) {
    const fleet = { vms: quick ? 200 : 2000, subscriptions: 2, regions: 1 };
    const all: Done[] = [];
    for (const contender of [...ours, ...baselines]) {
      const done = await contend(contender, fleet, SPEED, async () => undefined);
      say(`${done.name}: ${number(done.seconds)} s, ${refusals(done.digest)} 429s`);
      all.push(done);
    }
    const least = ideal(fleet, 1);
    const rows = all.map(({ name, vms, seconds, digest }) => {
      const whole = vms === fleet.vms;
      return [
        name,
        `${whole ? '' : '≈'}${number((seconds * fleet.vms) / vms)}`,
        whole ? number(digest.undone) : '',
        number(refusals(digest)),
        number(digest.calls.writes / vms, 2),
        number(digest.calls.reads / vms, 2),
        number(digest.calls.resourceGraph),
      ];
    });
    return {
      figures: { fleet, idealSeconds: least.seconds, all },
      tables: [
        {
          title: `${number(fleet.vms)} VMs in 2 subscriptions, 1 region; ideal at the whole limit ${number(least.seconds)} s (times are Azure’s)`,
          head: ['who', 'seconds', 'undone', '429s', 'writes/VM', 'reads/VM', 'ARG queries'],
          rows,
          notes: [
            '≈ extrapolated from the first 60 VMs. Models are models of call order.',
            'Refused calls count as calls.',
          ],
        },
      ],
      regressions: all
        .slice(0, ours.length)
        .flatMap(({ name, digest }) =>
          refusals(digest) + digest.undone > 0 ? [`${name}: 429s or VMs undone`] : [],
        ),
    };
  },
};
