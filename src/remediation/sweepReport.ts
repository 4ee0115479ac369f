import type { App } from '../app.ts';
import type { Log } from '../log.ts';
import { gatherReport, type ReportOrder } from './gatherReport.ts';
import { messageOf, writeReport } from './reportBlobs.ts';

/** Makes and writes the report of a sweep, where there is a storage account. What fails is logged: never throws. */
export async function makeSweepReport(app: App, order: ReportOrder, log: Log): Promise<void> {
  if (!app.reports) return;
  try {
    const report = await gatherReport(app, order, log);
    await writeReport(app.reports, report);
    const { rows, problems, unlisted } = report;
    log.info('Report written', { listed: rows.length, problems: problems.length, unlisted });
  } catch (error) {
    log.warn('The report was not written; the sweep goes on', { message: messageOf(error) });
  }
}
