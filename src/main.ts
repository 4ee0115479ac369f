// What the Functions host loads. Source maps must be on before the code they are for is loaded, so the functions come
// in by import() and not by import (functions-runtime, "Source maps").
process.setSourceMapsEnabled(true);
await import('./functions/all.ts');
