import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const folder = join(import.meta.dirname, '../src/report/html');
/** The file the page's script and style are kept in, bundled, so that the app runs without a build. */
export const assetsFile = join(folder, 'assets.ts');

/** Bundles the script and the style of the report's page. Returns the text of the file that holds them. */
export async function reportPageAssets(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'client/main.ts'), join(folder, 'client/style.css')],
    outdir: folder,
    bundle: true,
    write: false,
    format: 'iife',
    target: ['chrome120', 'firefox120', 'safari17'],
    minify: true,
    logLevel: 'warning',
  });
  const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text.trim() ?? '';
  return `// Made from client/ by \`npm run report:page\`; a test says when that is to be done again.
export const script = ${JSON.stringify(text('.js'))};
export const style = ${JSON.stringify(text('.css'))};
`;
}

if (import.meta.main) writeFileSync(assetsFile, await reportPageAssets());
