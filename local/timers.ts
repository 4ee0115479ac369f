import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadyFunction } from './protocol.ts';
import { startTimer, type Timer } from './timer.ts';
import type { ScheduleStatus } from './triggerData.ts';
import type { Workers } from './workers.ts';

/**
 * Starts the timers of an app. The host has them, not its workers, so a tick runs in one worker only, however many there
 * are and whichever of them die. Their status is kept in `dataDir`, where there is one.
 */
export function startTimers(
  functions: readonly ReadyFunction[],
  workers: Pick<Workers, 'invoke'>,
  dataDir: string | undefined,
): Timer[] {
  const file = dataDir === undefined ? undefined : join(dataDir, 'timers.json');
  const recorded = file === undefined ? {} : read(file);
  return functions.flatMap(({ name, trigger }) => {
    if (trigger.kind !== 'timer') return [];
    return startTimer({
      functionName: name,
      trigger,
      recorded: recorded[name],
      record: (status) => {
        recorded[name] = status;
        if (file !== undefined) write(file, recorded);
      },
      invoke: (invocation) => workers.invoke([invocation]),
    });
  });
}

function read(file: string): Record<string, ScheduleStatus> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // None yet, or cut off: the timers begin anew.
    return {};
  }
}

function write(file: string, statuses: Record<string, ScheduleStatus>): void {
  writeFileSync(`${file}.new`, JSON.stringify(statuses));
  renameSync(`${file}.new`, file);
}
