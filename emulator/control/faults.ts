import { z } from 'zod';

const LONGEST_MS = 30 * 86_400_000;
const KINDS = [
  'status',
  'reset',
  'truncated',
  'operationError',
  'operationMs',
  'graphLagMs',
  'graphHides',
] as const;
const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', '*'] as const;

/** A fault as `POST /faults` takes it. */
export const faultSchema = z
  .strictObject({
    /** Method to match; `*`, the default, is any. */
    method: z.enum(METHODS).default('*'),
    /** Regular expression the path must match, letter case ignored; without it any path does. */
    path: z.string().max(1000).default('').refine(isRegExp, 'must be a regular expression'),
    /** How many matching calls it concerns. */
    times: z.int().min(1).max(1_000_000_000).default(1),
    /** Answer this instead of doing what was asked. */
    status: z.int().min(100).max(599).optional(),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.unknown().optional(),
    /** Accept the write, and let the operation it starts fail with this. */
    operationError: z.strictObject({ code: z.string(), message: z.string() }).optional(),
    /** Accept the write, and let the operation it starts take so long, in ms of the emulator's time. */
    operationMs: z.number().min(0).max(LONGEST_MS).optional(),
    /** Wait before anything else, in ms of the emulator's time. */
    latencyMs: z.number().min(0).max(86_400_000).default(0),
    /** Keep the write from Resource Graph for so long, in ms of the emulator's time. */
    graphLagMs: z.number().min(0).max(LONGEST_MS).optional(),
    /** Leave rows whose id matches this regular expression out of the answer to a query. */
    graphHides: z.string().max(1000).refine(isRegExp, 'must be a regular expression').optional(),
    /** Break the connection before the request is worked on, or after, with the write applied. */
    reset: z.enum(['before', 'after']).optional(),
    /** Do what was asked and send the first half of the answer's body: then break the connection, or end as if that were all. */
    truncated: z.enum(['broken', 'ended']).optional(),
  })
  .refine(({ latencyMs, ...fault }) => latencyMs > 0 || KINDS.some((kind) => fault[kind] !== undefined), {
    error: `a fault needs latencyMs or one of ${KINDS.join(', ')}`,
  });

export type Fault = z.output<typeof faultSchema>;

/** Faults waiting to happen. */
export interface Faults {
  add(fault: Fault): void;
  /** The first fault that matches, counted down; undefined when none does. Not those of operations. */
  take(method: string, path: string): Fault | undefined;
  /** What is wrong with the operation of an accepted write, counted down; undefined when nothing is. */
  takeOfOperation(method: string, path: string): Pick<Fault, 'operationError' | 'operationMs'> | undefined;
  list(): Fault[];
  clear(): void;
}

/** Makes an empty list of faults. They are tried in the order in which they were added. */
export function createFaults(): Faults {
  let waiting: { fault: Fault; form: RegExp; left: number }[] = [];

  function takeOne(method: string, path: string, ofOperation: boolean): Fault | undefined {
    const found = waiting.find(
      ({ fault, form }) =>
        isOfOperation(fault) === ofOperation &&
        (fault.method === '*' || fault.method === method) &&
        form.test(path),
    );
    if (found && --found.left === 0) waiting = waiting.filter((one) => one !== found);
    return found?.fault;
  }

  return {
    add: (fault) => void waiting.push({ fault, form: new RegExp(fault.path, 'i'), left: fault.times }),
    take: (method, path) => takeOne(method, path, false),
    takeOfOperation: (method, path) => takeOne(method, path, true),
    list: () => waiting.map(({ fault, left }) => ({ ...fault, times: left })),
    clear() {
      waiting = [];
    },
  };
}

function isOfOperation({ operationError, operationMs }: Fault): boolean {
  return operationError !== undefined || operationMs !== undefined;
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
