import type { z } from 'zod';
import type { App } from '../app.ts';
import type { ReportsContainer } from '../azure/reportsContainer.ts';
import { oneLine } from '../domain/printable.ts';
import { fold } from '../domain/resourceId.ts';
import type { Log } from '../log.ts';
import { type Format, formats } from '../report/formats.ts';
import { type History, historyOf, historySchema, noHistory } from '../report/history.ts';
import { type NoteTaker, type RegionNotes, regionNotesSchema } from '../report/regionNotes.ts';
import type { Report } from '../report/report.ts';
import type { Problem } from './problems.ts';

const HISTORY = 'history.json';
const NOTES = 'outcomes/';
const JSON_TYPE = 'application/json';

/** What the report before left; nothing at first. Undefined, and a warning, when the storage does not answer. Never throws. */
export function readHistory(reports: ReportsContainer, log: Log): Promise<History | undefined> {
  return read(reports, HISTORY, historySchema, noHistory, log);
}

/** What the last runs noted, one for each region, of the VMs that are `wanted` by folded id. Undefined, and a warning, when the storage does not answer. Never throws. */
export async function readNotes(
  reports: ReportsContainer,
  wanted: ReadonlySet<string>,
  log: Log,
): Promise<RegionNotes[] | undefined> {
  try {
    const notes: RegionNotes[] = [];
    for (const name of await reports.list(NOTES)) {
      const of = await read(reports, name, regionNotesSchema, undefined, log);
      // What is not wanted is let go at once: the notes of all regions together may be large.
      if (of) notes.push({ ...of, vms: of.vms.filter(({ id }) => wanted.has(fold(id))) });
    }
    return notes;
  } catch (error) {
    log.warn('Reports cannot be read', { name: NOTES, message: messageOf(error) });
    return undefined;
  }
}

/**
 * Writes what a run noted about its region, joined with what earlier runs of the same sweep noted. No lock is needed:
 * one chain of runs works on a region at a time, and what is lost when two meet is commentary. A run that has nothing
 * to note leaves what is there. Never throws.
 */
export async function keepNotes(
  { reports }: App,
  location: string,
  taker: NoteTaker,
  problems: readonly Problem[],
  log: Log,
): Promise<void> {
  if (!reports || (taker.isEmpty() && problems.length === 0)) return;
  const name = `${NOTES}${location}.json`;
  const earlier = await read(reports, name, regionNotesSchema, undefined, log);
  try {
    await reports.write(name, JSON_TYPE, [JSON.stringify(taker.close(problems, earlier))]);
  } catch (error) {
    log.warn('Reports cannot be written', { name, message: messageOf(error) });
  }
}

/**
 * Writes a report in every form, as the latest and as that of its day, which the day's later ones replace, and
 * what the next report compares with. Throws what the storage said.
 */
export async function writeReport(reports: ReportsContainer, report: Report): Promise<void> {
  const day = report.generatedAt.slice(0, 10);
  for (const [format, { contentType, write }] of Object.entries(formats)) {
    await reports.write(`latest.${format as Format}`, contentType, write(report));
    await reports.write(`daily/${day}.${format as Format}`, contentType, write(report));
  }
  // What could not be read is not written over.
  if (report.historyKnown) await reports.write(HISTORY, JSON_TYPE, [JSON.stringify(historyOf(report))]);
}

async function read<T>(
  reports: ReportsContainer,
  name: string,
  schema: z.ZodType<T>,
  without: T | undefined,
  log: Log,
): Promise<T | undefined> {
  let text: string | undefined;
  try {
    text = await reports.read(name);
  } catch (error) {
    log.warn('Reports cannot be read', { name, message: messageOf(error) });
    return undefined;
  }
  if (text === undefined) return without;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    log.warn('A blob of the reports is not ours, and counts as none', { name, message: messageOf(error) });
    return without;
  }
}

/** What went wrong, on one line. */
export function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
