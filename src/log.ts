import { printable } from './domain/printable.ts';

/** Where the verbs write. Warnings and errors have a fixed message, so that they group; what varies is a property. */
export interface Log {
  /** Lost unless host.json lets `Debug` through. */
  debug(message: string, properties?: Properties): void;
  info(message: string, properties?: Properties): void;
  warn(message: string, properties?: Properties): void;
  error(message: string, properties?: Properties): void;
}

/** Things said beside a message. */
export type Properties = Readonly<Record<string, unknown>>;

/** The part of the Functions' invocation context that logs. */
interface ContextLog {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

/** A log that writes to an invocation: the message, then its properties as JSON on the same line. */
export function contextLog(context: ContextLog): Log {
  const text = (message: string, properties?: Properties) =>
    properties === undefined ? message : `${message} ${printable(JSON.stringify(properties))}`;
  return {
    debug: (message, properties) => context.debug(text(message, properties)),
    info: (message, properties) => context.info(text(message, properties)),
    warn: (message, properties) => context.warn(text(message, properties)),
    error: (message, properties) => context.error(text(message, properties)),
  };
}
