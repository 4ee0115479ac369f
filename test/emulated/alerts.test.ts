import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Envelope } from '../../emulator/ingestion/received.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { lockOn, quiet, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { deployed } from '../infra/template.ts';
import { telemetryForEachTest } from '../telemetry.ts';
import { askWorkspace } from '../workspace.ts';

const HOUR = 3_600_000;

const { azure, telemetry, aShared, sweepThrough } = await telemetryForEachTest();

const vms = (count: number) => Array.from({ length: count }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`));
const locked = (count: number) => [...vms(count), ...vms(count).map(lockOn)];

/** What a sweep sends from start to end. */
async function sweepTelemetry(): Promise<Envelope[]> {
  azure.received.clear();
  await sweepThrough(aShared());
  return [...azure.received.items()];
}

/** The same, sent that many hours ago. */
const ago = (hours: number, items: readonly Envelope[]): Envelope[] =>
  items.map((item) => ({ ...item, time: new Date(Date.parse(item.time) - hours * HOUR).toISOString() }));

interface Rule {
  readonly query: string;
  readonly metricMeasureColumn: string;
  readonly operator: 'LessThan' | 'GreaterThan';
  readonly threshold: number;
}

/** The rules that fire, as they are deployed, when they are evaluated now. */
function firing(items: readonly Envelope[]): string[] {
  const now = new Date(Date.now() + 1000);
  return deployed('main.minimal', 'Microsoft.Insights/scheduledQueryRules').flatMap(
    ({ name, properties }) => {
      const [rule] = properties.criteria.allOf as [Rule];
      const windowMs = { PT1H: 1, PT3H: 3, PT6H: 6, P2D: 48 }[properties.windowSize as 'PT1H'] * HOUR;
      const inWindow = items.filter(({ time }) => Date.parse(time) > now.getTime() - windowMs);
      const values = askWorkspace(rule.query, inWindow, now).map((row) =>
        Number(row[rule.metricMeasureColumn]),
      );
      const fires = values.some((value) =>
        rule.operator === 'LessThan' ? value < rule.threshold : value > rule.threshold,
      );
      return fires ? [name.replace('alert-vm-identity-', '')] : [];
    },
  );
}

describe('the alert rules', () => {
  it('stay silent on a healthy day, new VMs and some passing trouble included', async () => {
    await azure.seed([...vms(5), ...locked(1)]);
    const early = await sweepTelemetry();
    azure.store.clear();
    await azure.seed(vms(20));
    const late = await sweepTelemetry();

    assert.deepEqual(firing([...ago(26, early), ...ago(25, late), ...ago(1, late), ...late]), []);
  });

  it('tell of no sweep, and of nothing else', async () => {
    await azure.seed(vms(1));

    assert.deepEqual(firing(ago(4, await sweepTelemetry())), ['no-sweep']);
  });

  it('do not take an app that was switched off for one that is silent', async () => {
    await sweepThrough(aShared({ EFFECT: 'Disabled' }));

    assert.deepEqual(firing(azure.received.items()), []);
  });

  it('tell of many VMs that fail for one reason', async () => {
    await azure.seed(locked(11));

    assert.deepEqual(firing(await sweepTelemetry()), ['failures']);
  });

  it('tell of a message that was given up', async () => {
    await azure.seed(vms(1));
    const healthy = await sweepTelemetry();
    azure.received.clear();
    telemetry.event('MessageGivenUp', { queue: 'regions', error: 'no' }, {});
    await telemetry.flush();
    const told = azure.received.items();
    azure.received.clear();
    // That of a run that was killed, so that only the next sweep knows.
    telemetry.event('PoisonFound', { queue: 'regions-poison' }, { messages: 2 });
    await telemetry.flush();
    const found = azure.received.items();

    assert.deepEqual(firing([...healthy, ...told]), ['poison']);
    assert.deepEqual(firing([...healthy, ...found]), ['poison']);
  });

  it('tell of throttling beyond what the pace absorbs', async () => {
    await azure.seed(vms(40));
    // As often as a write is tried again without failing.
    for (const { id } of vms(40)) {
      azure.faults.add({
        ...{ method: 'PATCH', path: `${id}$`, times: 3, status: 429, latencyMs: 0 },
        headers: { 'retry-after-ms': '1' },
        body: { error: { code: 'TooManyRequests', message: 'no' } },
      });
    }

    assert.deepEqual(firing(await sweepTelemetry()), ['throttled']);
  });

  it('tell of a VM that stays without its identity for more than a day', async () => {
    await azure.seed(locked(1));
    const stuck = await sweepTelemetry();

    assert.deepEqual(firing([...ago(25, stuck), ...ago(12, stuck), ...stuck]), ['stale-vms']);
  });

  it('and no more once it has it', async () => {
    await azure.seed(locked(1));
    const stuck = await sweepTelemetry();
    azure.store.clear();
    await azure.seed(vms(1));
    const mended = await sweepTelemetry();

    assert.deepEqual(firing([...ago(30, stuck), ...ago(2, stuck), ...mended]), []);
  });

  it('nor of one that EFFECT leaves as it is, however often it is looked at', async () => {
    await azure.seed(vms(1));
    const one = aShared({ EFFECT: 'AuditIfNotExists' });
    await sweepThrough(one);
    await workVm(one, { version: 1, id: vms(1)[0]?.id ?? '' }, quiet, { lastTry: false });
    await telemetry.flush();
    const audited = azure.received.items();

    assert.deepEqual(firing([...ago(25, audited), ...ago(12, audited), ...audited]), []);
    const looks = audited.filter(({ data }) => data.baseData.name === 'VmRemediated');
    assert.deepEqual(
      looks.map(({ data }) => (data.baseData.properties as Record<string, string>).reason),
      ['audit-only'],
    );
  });
});
