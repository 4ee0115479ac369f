import { existsSync } from 'node:fs';
import Module from 'node:module';
import { pathToFileURL } from 'node:url';
import type {
  BindingInfo,
  FunctionCallback,
  FunctionMetadata,
  HookCallback,
  LogCategory,
  LogLevel,
  ProgrammingModel,
} from './coreTypes.ts';

/** A binding with the name it was registered under; `$return` is the return value. */
export type NamedBinding = BindingInfo & { readonly name: string };

/** A function as an app registered it, settings such as `%NAME%` not yet filled in. */
export interface LoadedFunction {
  readonly name: string;
  readonly trigger: NamedBinding;
  readonly inputs: readonly NamedBinding[];
  readonly outputs: readonly NamedBinding[];
  readonly metadata: FunctionMetadata;
  readonly handler: FunctionCallback;
}

/** An app after loading. */
export interface LoadedApp {
  readonly functions: readonly LoadedFunction[];
  /** The programming model of the library the app uses: it turns requests into arguments and results into responses. */
  readonly model: ProgrammingModel;
  hooks(name: string): readonly HookCallback[];
}

/** Where the library's own remarks go, outside of invocations. */
export type CoreLog = (level: LogLevel, category: LogCategory, message: string) => void;

const loading = { functions: new Map<string, LoadedFunction>(), locked: true };
let hooks = new Map<string, HookCallback[]>();
let model: ProgrammingModel | undefined;
let write: CoreLog = () => undefined;
let installed = false;

/**
 * Loads an app's main file as the Node.js worker does and returns what it registered. The library finds the worker by
 * `require('@azure/functions-core')`; this stands in for it in the same place, Module.prototype.require. Source and
 * bundles both work, ESM and CommonJS. For one app in a process: modules stay loaded.
 * Throws what the main file throws, and an Error where it is missing or registers nothing: in Azure such an app has no
 * functions and looks healthy (functions-runtime, "main").
 */
export async function loadApp(mainFile: string, log: CoreLog = () => undefined): Promise<LoadedApp> {
  if (!existsSync(mainFile)) throw new Error(`The main file ${mainFile} does not exist.`);
  install();
  write = log;
  loading.functions = new Map();
  hooks = new Map();
  loading.locked = false;
  try {
    await import(pathToFileURL(mainFile).href);
  } finally {
    loading.locked = true;
  }
  const functions = [...loading.functions.values()];
  if (functions.length === 0 || model === undefined) {
    throw new Error(
      `${mainFile} registers no function. In Azure such an app looks healthy and does nothing.`,
    );
  }
  const own = hooks;
  return { functions, model, hooks: (name) => own.get(name) ?? [] };
}

function install(): void {
  if (installed) return;
  installed = true;
  const core = {
    version: '3.13.0',
    hostVersion: '4.1041.0',
    registerFunction,
    registerHook,
    setProgrammingModel: (given: ProgrammingModel) => {
      model = given;
    },
    getProgrammingModel: () => model,
    log: (level: LogLevel, category: LogCategory, message: string) => write(level, category, message),
    Disposable,
  };
  const prototype = Module.prototype as unknown as { require: (id: string) => unknown };
  prototype.require = new Proxy(prototype.require, {
    apply: (target, self, [id]: [string]) =>
      id === '@azure/functions-core' ? core : Reflect.apply(target, self, [id]),
  });
}

// The two refusals are the worker's (azure-functions-nodejs-worker, registerFunction.ts).
function registerFunction(metadata: FunctionMetadata, handler: FunctionCallback): Disposable {
  if (loading.locked) throw new Error('A function can only be registered during app startup.');
  const id = metadata.functionId ?? metadata.name;
  if (loading.functions.has(id)) {
    throw new Error(`A function with id "${id}" has already been registered.`);
  }
  const bindings = Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name }));
  const trigger = bindings.find((binding) => /trigger$/i.test(binding.type));
  if (trigger === undefined) throw new Error(`The function "${metadata.name}" has no trigger.`);
  const others = bindings.filter((binding) => binding !== trigger);
  const { functions } = loading;
  functions.set(id, {
    name: metadata.name,
    trigger,
    inputs: others.filter((binding) => binding.direction === 'in'),
    outputs: others.filter((binding) => binding.direction === 'out'),
    metadata,
    handler,
  });
  return new Disposable(() => functions.delete(id));
}

function registerHook(name: string, callback: HookCallback): Disposable {
  const registered = hooks.get(name) ?? [];
  hooks.set(name, [...registered, callback]);
  return new Disposable(() =>
    hooks.set(
      name,
      (hooks.get(name) ?? []).filter((hook) => hook !== callback),
    ),
  );
}

class Disposable {
  readonly #undo: () => unknown;

  constructor(undo: () => unknown) {
    this.#undo = undo;
  }

  dispose(): void {
    this.#undo();
  }
}
