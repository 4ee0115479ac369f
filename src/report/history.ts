import { z } from 'zod';
import type { Report, TrendPoint } from './report.ts';

const MOST_POINTS = 200;
const MOST_SUBSCRIPTIONS = 10_000;
const MOST_PROBLEMS = 1000;

const counted = z.int().nonnegative();

/** What one report leaves for the next: the trend, and what to compare with. Bounded. */
export const historySchema = z.object({
  version: z.literal(1),
  /** Oldest first. */
  points: z.array(
    z.object({
      at: z.iso.datetime(),
      sweepId: z.string(),
      vms: counted,
      compliant: counted,
      excluded: counted,
    }),
  ),
  /** VMs that lacked their identity, by subscription. */
  lacking: z.record(z.string(), counted),
  problems: z.array(z.object({ subject: z.string(), reason: z.string(), since: z.iso.datetime() })),
});

export type History = z.infer<typeof historySchema>;

/** What the first report finds. */
export const noHistory: History = { version: 1, points: [], lacking: {}, problems: [] };

/** The trend with one more point, at most 200; a sweep that ran twice counts once. */
export function withPoint(history: History, point: TrendPoint): TrendPoint[] {
  const others = history.points.filter(({ sweepId }) => sweepId !== point.sweepId);
  return [...others, point].slice(-MOST_POINTS);
}

/** What this report leaves for the next. */
export function historyOf(report: Report): History {
  const lacking = report.subscriptions.slice(0, MOST_SUBSCRIPTIONS).map(({ id, lacking }) => [id, lacking]);
  return {
    version: 1,
    points: [...report.trend],
    lacking: Object.fromEntries(lacking),
    problems: report.problems.slice(0, MOST_PROBLEMS).map(({ subject, reason, since }) => ({
      subject,
      reason,
      since: since ?? report.generatedAt,
    })),
  };
}
