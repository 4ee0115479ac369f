import type { LoadedFunction, NamedBinding } from './functionsCore.ts';
import { parseSchedule } from './nCrontab.ts';

/** What starts a function, settings filled in. */
export type Trigger =
  | {
      readonly kind: 'timer';
      readonly schedule: string;
      readonly runOnStartup: boolean;
      readonly useMonitor: boolean;
    }
  | { readonly kind: 'queue'; readonly queue: QueueReference }
  | { readonly kind: 'eventGrid' };

export interface QueueReference {
  readonly queueName: string;
  readonly connectionString: string;
}

export type QueueOutput = QueueReference & { readonly bindingName: string };

/** A function that can run. */
export interface PlannedFunction {
  readonly loaded: LoadedFunction;
  readonly trigger: Trigger;
  readonly outputs: readonly QueueOutput[];
}

export type Settings = Readonly<Record<string, string | undefined>>;

/**
 * Fills an app's settings into its bindings, as the host does when it indexes the app. A function whose names, schedule,
 * queues or settings are wrong is "in error", with the reason; the others run (functions-runtime, "main"). A function
 * switched off by `AzureWebJobs.NAME.Disabled` is in neither list.
 */
export function planFunctions(
  functions: readonly LoadedFunction[],
  settings: Settings,
): { ready: PlannedFunction[]; inError: { name: string; problem: string }[] } {
  const ready: PlannedFunction[] = [];
  const inError: { name: string; problem: string }[] = [];
  for (const loaded of functions) {
    if (settings[`AzureWebJobs.${loaded.name}.Disabled`]?.toLowerCase() === 'true') continue;
    try {
      ready.push(planFunction(loaded, settings));
    } catch (error) {
      inError.push({ name: loaded.name, problem: (error as Error).message });
    }
  }
  return { ready, inError };
}

function planFunction(loaded: LoadedFunction, settings: Settings): PlannedFunction {
  const { name, trigger, inputs, outputs, metadata } = loaded;
  if (!/^(?!host$)[A-Za-z][\w-]{0,127}$/i.test(name)) throw new Error('its name is not valid');
  const unnamed = [trigger, ...inputs, ...outputs].find(
    (binding) => !/^([A-Za-z][A-Za-z0-9]{0,127}|\$return)$/.test(binding.name),
  );
  if (unnamed !== undefined) throw new Error(`the binding name '${unnamed.name}' is not valid`);
  if (metadata.retryOptions) throw new Error('the local host has no retry policies');
  if (inputs[0] !== undefined) throw new Error(`the local host has no ${inputs[0].type} input binding`);
  return {
    loaded,
    trigger: planTrigger(trigger, settings),
    outputs: outputs.map((output) => {
      if (output.type !== 'queue') throw new Error(`the local host has no ${output.type} output binding`);
      return { bindingName: output.name, ...queueOf(output, settings) };
    }),
  };
}

function planTrigger(trigger: NamedBinding, settings: Settings): Trigger {
  switch (trigger.type) {
    case 'timerTrigger': {
      const schedule = resolve(trigger.schedule, settings);
      parseSchedule(schedule);
      return {
        kind: 'timer',
        schedule,
        runOnStartup: trigger.runOnStartup === true,
        useMonitor: trigger.useMonitor !== false,
      };
    }
    case 'queueTrigger':
      return { kind: 'queue', queue: queueOf(trigger, settings) };
    case 'eventGridTrigger':
      return { kind: 'eventGrid' };
    default:
      throw new Error(`the local host has no ${trigger.type}`);
  }
}

function queueOf(binding: NamedBinding, settings: Settings): QueueReference {
  const queueName = resolve(binding.queueName, settings).toLowerCase();
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(queueName)) {
    throw new Error(`'${queueName}' is not a valid queue name`);
  }
  const connection = String(binding.connection || 'AzureWebJobsStorage');
  const connectionString = settings[connection] || settings[`AzureWebJobs${connection}`];
  if (!connectionString) throw new Error(`the storage connection string '${connection}' is not set`);
  return { queueName, connectionString };
}

// `%NAME%` stands for a setting; the message is the host's.
function resolve(value: unknown, settings: Settings): string {
  return String(value ?? '').replace(/%([^%]+)%/g, (whole, name: string) => {
    const setting = settings[name];
    if (!setting) throw new Error(`'${whole}' does not resolve to a value`);
    return setting;
  });
}
