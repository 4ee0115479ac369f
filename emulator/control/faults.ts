import { z } from 'zod';

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
    /** Wait before anything else, in ms of the emulator's time. */
    latencyMs: z.number().min(0).max(86_400_000).default(0),
    /** Break the connection before the request is worked on, or after, with the write applied. */
    reset: z.enum(['before', 'after']).optional(),
  })
  .refine(
    ({ status, latencyMs, reset, operationError }) =>
      status !== undefined || latencyMs > 0 || reset !== undefined || operationError !== undefined,
    { error: 'a fault needs status, latencyMs, reset or operationError' },
  );

export type Fault = z.output<typeof faultSchema>;

/** Faults waiting to happen. */
export interface Faults {
  add(fault: Fault): void;
  /** The first fault that matches, counted down; undefined when none does. Not those of operations. */
  take(method: string, path: string): Fault | undefined;
  /** With what the operation of an accepted write fails, counted down; undefined when it does not. */
  takeOperationError(method: string, path: string): Fault['operationError'];
  list(): Fault[];
  clear(): void;
}

/** Makes an empty list of faults. They are tried in the order in which they were added. */
export function createFaults(): Faults {
  let waiting: { fault: Fault; form: RegExp; left: number }[] = [];

  function takeOne(method: string, path: string, ofOperation: boolean): Fault | undefined {
    const found = waiting.find(
      ({ fault, form }) =>
        (fault.operationError !== undefined) === ofOperation &&
        (fault.method === '*' || fault.method === method) &&
        form.test(path),
    );
    if (found && --found.left === 0) waiting = waiting.filter((one) => one !== found);
    return found?.fault;
  }

  return {
    add: (fault) => void waiting.push({ fault, form: new RegExp(fault.path, 'i'), left: fault.times }),
    take: (method, path) => takeOne(method, path, false),
    takeOperationError: (method, path) => takeOne(method, path, true)?.operationError,
    list: () => waiting.map(({ fault, left }) => ({ ...fault, times: left })),
    clear() {
      waiting = [];
    },
  };
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
