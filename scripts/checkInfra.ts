// `npm run check:infra`: holds infra/ against the real Bicep compiler. Every file lints and builds without a single
// warning, is formatted, and what is committed as compiled is what the compiler makes. `-- --write` makes it anew.
// Exit codes: 0 fine, 1 something to mend, 2 no compiler or an argument it does not know.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BICEP_VERSION, type Bicep, findBicep } from './bicep.ts';

const INFRA = join(import.meta.dirname, '..', 'infra');
const MADE = '{azuredeploy*,samples/*.snapshot}.json';
const WRITE = 'npm run check:infra -- --write';

/** The templates people deploy, and what each is compiled into. */
const templates = {
  'main.bicep': 'azuredeploy.json',
  'authorize.bicep': 'azuredeploy.authorize.json',
  'authorize-subscription.bicep': 'azuredeploy.authorize-subscription.json',
  'events.bicep': 'azuredeploy.events.json',
};

// Where samples are evaluated, as if deployed there.
const PLACE = {
  managementGroup: ['--management-group-id', 'contoso'],
  subscription: ['--subscription-id', '00000000-0000-4000-8000-000000000001'],
};

const missing: string[] = [];
process.exitCode = main();

function main(): number {
  const [unknown] = process.argv.slice(2).filter((arg) => arg !== '--write');
  if (unknown !== undefined) {
    console.error(`check:infra: there is no ${unknown}. It takes --write, or nothing.`);
    return 2;
  }
  const bicep = findBicep((text) => missing.push(text));
  return bicep ? check(bicep, process.argv.includes('--write')) : noCompiler();
}

function noCompiler(): number {
  console.error(`infra/ was NOT checked: no Bicep compiler could be had.
${missing.map((line) => `  ${line}`).join('\n')}
Install one of these and run the command again:
  the .NET SDK, from which Bicep ${BICEP_VERSION} is fetched by itself;
  the Azure CLI, then: az bicep install --version v${BICEP_VERSION}
  Bicep ${BICEP_VERSION} by itself, on the PATH.`);
  return 2;
}

function check(compiler: Bicep, write: boolean): number {
  const folder = write ? INFRA : mkdtempSync(join(tmpdir(), 'infra-'));
  try {
    if (!write) cpSync(INFRA, folder, { recursive: true });
    // Each step speaks only when those before it have nothing to say: they would say the same once more.
    let findings = lint(compiler, folder);
    if (findings.length === 0) findings = generate(compiler, folder);
    if (findings.length === 0 && !write) findings = stale(compiler, folder);
    for (const finding of new Set(findings)) console.error(finding.replaceAll(folder, 'infra'));
    const count = files(folder, '**/*.{bicep,bicepparam}').length;
    console.log(
      `infra/: ${count} files, Bicep ${compiler.version}, ${findings.length === 0 ? 'all fine' : 'NOT fine'}.`,
    );
    return findings.length === 0 ? 0 : 1;
  } finally {
    if (!write) rmSync(folder, { recursive: true, force: true });
  }
}

/** Whatever the linter says is a finding: every rule is an error in bicepconfig.json, and warnings count as much. */
function lint(compiler: Bicep, folder: string): string[] {
  return ['bicep', 'bicepparam'].flatMap((ext) =>
    run(compiler, folder, ['lint', '--pattern', `**/*.${ext}`]),
  );
}

/** Formats, compiles and evaluates everything in place, from nothing; returns what the compiler had to say. */
function generate(compiler: Bicep, folder: string): string[] {
  for (const file of files(folder, MADE)) rmSync(join(folder, file));
  const findings = ['bicep', 'bicepparam'].flatMap((ext) =>
    run(compiler, folder, ['format', '--pattern', `**/*.${ext}`]),
  );
  for (const [source, target] of Object.entries(templates)) {
    findings.push(...run(compiler, folder, ['build', source, '--outfile', target]));
  }
  for (const sample of files(folder, 'samples/*.bicepparam')) {
    const scope = basename(sample).startsWith('authorize.') ? 'managementGroup' : 'subscription';
    const args = ['--mode', 'overwrite', '--location', 'westeurope', ...PLACE[scope]];
    findings.push(...run(compiler, folder, ['snapshot', sample, ...args]));
    findings.push(...settle(join(folder, sample.replace(/bicepparam$/, 'snapshot.json'))));
  }
  return findings;
}

/** Puts the outputs of a snapshot in order, which the compiler does not; returns what it has to say inside it. */
function settle(file: string): string[] {
  if (!existsSync(file)) return [];
  const snapshot = JSON.parse(readFileSync(file, 'utf8'));
  const outputs = Object.entries(snapshot.outputs).sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(
    file,
    `${JSON.stringify({ ...snapshot, outputs: Object.fromEntries(outputs) }, undefined, 2)}\n`,
  );
  return snapshot.diagnostics.map((diagnostic: unknown) => `${file}: ${JSON.stringify(diagnostic)}`);
}

/** Files that the compiler makes differently from what is committed. */
function stale(compiler: Bicep, folder: string): string[] {
  const all = new Set([...files(folder, '**/*'), ...files(INFRA, MADE)]);
  const differing = [...all].filter((file) => content(join(INFRA, file)) !== content(join(folder, file)));
  const other =
    compiler.version === BICEP_VERSION
      ? ''
      : ` (Or it is that Bicep ${compiler.version} differs from ${BICEP_VERSION}.)`;
  return differing.map((file) => `infra/${file} is stale or not formatted. Run: ${WRITE}${other}`);
}

/** The text of a file, less the compiler's version and hash, which differ while the template does not. */
function content(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  } catch {
    return undefined;
  }
  if (!/azuredeploy.*\.json$/.test(file)) return text;
  return JSON.stringify(JSON.parse(text, (key, value) => (key === '_generator' ? undefined : value)));
}

function files(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder }).sort();
}

function run(compiler: Bicep, folder: string, args: string[]): string[] {
  // main.bicepparam reads it.
  const env = { ...process.env, SCOPES: '/providers/Microsoft.Management/managementGroups/contoso' };
  const { status, stdout, stderr } = spawnSync(compiler.path, args, { cwd: folder, env, encoding: 'utf8' });
  const said = `${stdout}${stderr}`.trim();
  if (said !== '') return said.split('\n');
  return status === 0 ? [] : [`bicep ${args.join(' ')} failed with exit code ${status}.`];
}
