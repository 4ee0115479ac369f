// `npm run package`: puts what is deployed, and nothing else, into dist/package: host.json, the bundle and a
// package.json that names it. The bundle holds all it needs, so no dependency is named and none is installed.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist');
const target = join(bundle, 'package');

const { name, version, license, type, main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const absent = [main ?? 'dist/main.js', 'host.json'].filter((file) => !existsSync(join(root, file)));
if (main === undefined || absent.length > 0) {
  console.error(
    `Nothing was packaged: ${absent.join(' and ') || 'main in package.json'} not found. Run: npm run build`,
  );
  process.exit(1);
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
// A folder cannot be copied into itself, so the bundle goes entry by entry.
cpSync(join(root, 'host.json'), join(target, 'host.json'));
for (const entry of readdirSync(bundle).filter((name) => !/^package(\.zip)?$/.test(name))) {
  cpSync(join(bundle, entry), join(target, 'dist', entry), { recursive: true });
}
writeFileSync(
  join(target, 'package.json'),
  `${JSON.stringify({ name, version, license, type, main }, undefined, 2)}\n`,
);
console.log(`${name} ${version} is packaged in dist/package.`);
