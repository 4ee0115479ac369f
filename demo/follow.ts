import type { HostEvent } from '../local/events.ts';
import type { CallCounts } from '../src/azure/clients.ts';
import { count, emptyTally, type Tally } from '../src/domain/outcome.ts';
import type { Problem } from '../src/remediation/problems.ts';

const POLL_MS = 250;

/** What a sweep through the queues came to, as its log lines tell. */
export interface Followed {
  onEvent(event: HostEvent): void;
  /** Calls `step` for each VM the remediator has written from now on. `end` looks a last time. */
  progress(step: (failed: boolean) => void): { end(): Promise<void> };
  summary(): Promise<{ tally: Tally; problems: Problem[]; calls: CallCounts }>;
}

/** Follows the app by what an operator has, too: its log, and Azure's journal of calls. */
export function follow(controlEndpoint: string, clientId: string): Followed {
  const tally = emptyTally();
  const problems = new Map<string, Problem>();

  async function calls(): Promise<{ method: string; path: string; status: number }[]> {
    const response = await fetch(`${controlEndpoint}/journal`);
    const all = (await response.json()) as {
      principal: string;
      method: string;
      path: string;
      status: number;
    }[];
    return all.filter(({ principal }) => principal === clientId);
  }

  return {
    onEvent(event) {
      if (event.kind !== 'log' || event.source !== 'user') return;
      const [, message = '', json = '{}'] = /^([^{]*?) (\{.*\})$/s.exec(event.message) ?? [];
      const properties = JSON.parse(json);
      if (message === 'Sweep begun' || message === 'Region worked on') add(tally, properties.tally);
      if (message === 'VMs failed' || message === 'Something needs a person') {
        const { sweepId: _, location: __, ...problem } = properties;
        const key = `${problem.reason} ${problem.subject}`;
        const known = problems.get(key);
        problems.set(key, { ...problem, vms: problem.vms + (known?.vms ?? 0) });
      }
    },
    progress(step) {
      let seen = 0;
      const look = async (): Promise<void> => {
        const written = (await calls()).filter(
          ({ method, status }) => method === 'PATCH' && status < 300,
        ).length;
        for (; seen < written; seen++) step(false);
      };
      const timer = setInterval(() => void look().catch(() => undefined), POLL_MS);
      return {
        async end() {
          clearInterval(timer);
          await look();
        },
      };
    },
    async summary() {
      const counts: CallCounts = { reads: 0, writes: 0, resourceGraph: 0 };
      for (const { method, path } of await calls()) {
        if (path.includes('ResourceGraph')) counts.resourceGraph++;
        else if (method === 'GET' || method === 'HEAD') counts.reads++;
        else counts.writes++;
      }
      return { tally, problems: [...problems.values()].sort((a, b) => b.vms - a.vms), calls: counts };
    },
  };
}

function add(to: Tally, from: Tally): void {
  for (const [outcome, reasons] of Object.entries(from)) {
    for (const [reason, times] of Object.entries(reasons)) count(to, { outcome, reason } as never, times);
  }
}
