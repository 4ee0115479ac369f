// Loads an app as the Functions worker does and tells how many ms that took: `coldStartLoad.ts "MAIN FILE"`.
import { loadApp } from '../local/functionsCore.ts';

const mainFile = JSON.parse(process.argv[2] ?? '""') as string;
const from = performance.now();
await loadApp(mainFile);
process.send?.(performance.now() - from);
