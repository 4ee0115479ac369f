import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/**
 * Bundles the app for deployment into `folder`: `main.js`, the boot file, the code it loads, and their source maps.
 * Throws what esbuild says when the code cannot be bundled.
 */
export async function bundle(folder = join(root, 'dist')): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await build({
    entryPoints: [join(root, 'src/main.ts')],
    outdir: folder,
    bundle: true,
    // The boot file switches source maps on before it loads the rest, so the rest must be a file of its own.
    splitting: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    // The worker hands this out itself; there is no such package (functions-runtime, "ESM, CommonJS, bundling").
    external: ['@azure/functions-core'],
    // Some packages are CommonJS and use what ES modules lack; require is also where the worker listens.
    banner: {
      js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;",
    },
    logLevel: 'warning',
  });
}

if (import.meta.main) {
  await bundle();
  process.exitCode = spawnSync(process.execPath, [join(import.meta.dirname, 'checkBuild.ts')], {
    stdio: 'inherit',
  }).status;
}
