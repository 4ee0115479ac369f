// Runs before every npm script, on whatever Node the machine has (20.11 or newer), so it is plain JavaScript.
// Installs the locked dependencies when node_modules is absent or older than package-lock.json. All its
// output goes to stderr: stdout belongs to the command that follows (`npm run azure` prints JSON there).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const wanted = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');

/** The locked version of every package, less what this platform leaves out (optional dependencies of others). */
function versions(file) {
  const { packages = {} } = JSON.parse(readFileSync(file, 'utf8'));
  return Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.optional);
}

function upToDate() {
  if (!existsSync(installed)) return false;
  const present = new Map(versions(installed));
  return versions(wanted).every(([path, entry]) => present.get(path)?.version === entry.version);
}

if (!upToDate()) {
  process.stderr.write('Installing dependencies (once, about a minute) …\n');
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm ? [process.execPath, npm] : ['npm'];
  const run = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  });
  if (run.status !== 0) {
    process.stderr.write(
      'Installing failed. Check that this machine reaches the npm registry, then run the command again.\n',
    );
    process.exit(2);
  }
}
