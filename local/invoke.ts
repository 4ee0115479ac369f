import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type {
  CoreInvocationContext,
  InvocationRequest,
  InvocationResponse,
  LogCategory,
  LogLevel,
  RpcTraceContext,
  TypedData,
} from './coreTypes.ts';
import type { LoadedApp, LoadedFunction } from './functionsCore.ts';

/** What starts an invocation. */
export interface InvocationInput {
  readonly invocationId: string;
  readonly input: TypedData;
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
}

/** Where an invocation's log lines go: the app's own are of category `user`. */
export type InvocationLog = (level: LogLevel, category: LogCategory, message: string) => void;

const appHookData = {};
const appLevelHookData = {};

/**
 * Runs one function as the worker does: the library's programming model makes the arguments and the response, hooks run
 * around the handler (azure-functions-nodejs-worker, InvocationHandler.ts). Returns the values of the output bindings
 * by binding name, unwritten. Throws what the handler threw; what is no Error becomes one.
 */
export async function invoke(
  app: LoadedApp,
  { name, trigger, metadata, handler }: LoadedFunction,
  { invocationId, input, triggerMetadata }: InvocationInput,
  log: InvocationLog,
): Promise<ReadonlyMap<string, TypedData>> {
  const request: InvocationRequest = {
    invocationId,
    functionId: name,
    inputData: [{ name: trigger.name, data: input }],
    triggerMetadata,
    traceContext: newTrace(),
  };
  const core: CoreInvocationContext = { invocationId, request, metadata, log };
  const model = await app.model.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();

  const shared = { hookData: {}, appHookData, invocationContext: context };
  const before = { ...shared, functionCallback: handler, inputs };
  core.state = 'preInvocationHooks';
  for (const hook of app.hooks('preInvocation')) await hook(before);

  const nothing: { result: unknown; error: unknown } = { result: null, error: null };
  const after = { ...shared, inputs: before.inputs, ...nothing };
  core.state = 'invocation';
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error ?? new Error('Unknown error');
  }
  core.state = 'postInvocationHooks';
  for (const hook of app.hooks('postInvocation')) await hook(after);
  core.state = undefined;

  if (after.error !== null && after.error !== undefined) throw toError(after.error);
  return outputsOf(await model.getResponse(context, after.result));
}

/** Runs an app's hooks on its start or end. */
export async function runAppHooks(
  app: LoadedApp,
  name: 'appStart' | 'appTerminate',
  more: object = {},
): Promise<void> {
  for (const hook of app.hooks(name)) await hook({ hookData: appLevelHookData, appHookData, ...more });
}

/** An Error as it is, and anything else as an Error made of its text, as the worker does. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : inspect(thrown));
}

function outputsOf({ outputData, returnValue }: InvocationResponse): Map<string, TypedData> {
  const outputs = new Map<string, TypedData>();
  for (const { name, data } of outputData ?? []) if (data) outputs.set(name, data);
  if (returnValue) outputs.set('$return', returnValue);
  return outputs;
}

// The host begins an operation with each invocation: nothing in a queue message or a timer says what it belongs to.
function newTrace(): RpcTraceContext {
  const id = (bytes: number) => randomBytes(bytes).toString('hex');
  return { traceParent: `00-${id(16)}-${id(8)}-00`, traceState: '', attributes: {} };
}
