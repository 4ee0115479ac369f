// Entry of the processes that the local host starts beside its workers: `service.ts MODULE ARGUMENTS…` runs a program
// that knows nothing of its parent, and ends it with SIGTERM when the parent is gone.
import { pathToFileURL } from 'node:url';

const LAST_WORDS_MS = 2000;

const [module = '', ...args] = process.argv.slice(2);
process.argv.splice(1, process.argv.length, module, ...args);
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
// The channel alone must not keep the program alive.
process.channel?.unref();
await import(pathToFileURL(module).href);
process.channel?.unref();
