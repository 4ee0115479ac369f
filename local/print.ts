import type { HostEvent } from './events.ts';

/** How events become lines. */
export interface PrintOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  /** The app's code: what a stack says beyond it is left out. */
  readonly root: string;
}

/** The line, or lines, an event is shown as; undefined for one that is not shown. */
export function format(event: HostEvent, options: PrintOptions): string | undefined {
  const { verbose } = options;
  const quiet =
    event.kind === 'worker' || (event.kind === 'log' && (event.level === 'debug' || event.level === 'trace'));
  if (quiet && !verbose) return undefined;
  if (options.json) return JSON.stringify(event);
  const time = event.time.slice(11, 19);
  return plain(event, options)
    .split('\n')
    .map((line, index) => `${index === 0 ? time : ' '.repeat(time.length)} ${printable(line)}`)
    .join('\n');
}

function plain(event: HostEvent, { root, verbose }: PrintOptions): string {
  switch (event.kind) {
    case 'started':
      return `${event.functionName} started in worker ${event.worker}: ${event.reason} (${short(event.invocationId)})`;
    case 'ended': {
      const end = event.outcome === 'Succeeded' ? 'succeeded' : 'FAILED';
      const line = `${event.functionName} ${end} in ${event.durationMs} ms (${short(event.invocationId)})`;
      return event.error === undefined
        ? line
        : `${line}: ${verbose ? event.error : ownFrames(event.error, root)}`;
    }
    case 'worker':
      return `worker ${event.worker} (process ${event.pid}) is ${event.state}`;
    case 'log': {
      const mark =
        { warning: 'warning: ', error: 'ERROR: ', critical: 'ERROR: ' }[event.level as string] ?? '';
      if (event.source === 'host') return `${event.functionName ?? 'host'} ${mark}${event.message}`;
      const who = event.source === 'console' ? `console of worker ${event.worker}` : event.functionName;
      return event.message
        .split('\n')
        .map((line) => `  ${who} | ${mark}${line}`)
        .join('\n');
    }
  }
}

// The first line says it; of the rest, what is in the app's own code.
function ownFrames(stack: string, root: string): string {
  const lines = stack.split('\n');
  const own = lines.filter((line) => line.includes(`${root}/`) && !/node_modules|\/local\//.test(line));
  return [lines[0], ...own.filter((line) => line !== lines[0])].join('\n');
}

function short(invocationId: string): string {
  return invocationId.slice(0, 8);
}

// What functions log can come from anywhere; a terminal must not obey it.
function printable(line: string): string {
  return line.replace(/\t/g, '  ').replace(/\p{Cc}/gu, '\uFFFD');
}
