import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The compiler that the committed templates come from. */
export const BICEP_VERSION = '0.49.2';

/** A Bicep compiler on this machine. */
export interface Bicep {
  readonly path: string;
  readonly version: string;
}

const CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'bicep');
const EXE = process.platform === 'win32' ? '.exe' : '';

/**
 * Finds a Bicep compiler: the wanted version on the PATH or as `az bicep` installs it, the wanted version from NuGet
 * (with the .NET SDK; once, 120 MB, kept in node_modules), or else another version that is there.
 * Undefined when none can be had; `say` gets each thing that was tried in vain.
 */
export function findBicep(say: (text: string) => void): Bicep | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const azure = process.env.AZURE_CONFIG_DIR ?? join(homedir(), '.azure');
  const present = [...folders, join(azure, 'bin')]
    .map((folder) => asBicep(join(folder, `bicep${EXE}`)))
    .filter((bicep) => bicep !== undefined);
  if (present.length === 0)
    say('There is no bicep on the PATH that runs, nor one that "az bicep install" made.');
  return present.find(({ version }) => version === BICEP_VERSION) ?? fromNuGet(say) ?? present[0];
}

function asBicep(path: string): Bicep | undefined {
  if (!existsSync(path)) return undefined;
  const run = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const version = /version (\d+\.\d+\.\d+)/.exec(run.stdout ?? '')?.[1];
  return version === undefined ? undefined : { path, version };
}

function fromNuGet(say: (text: string) => void): Bicep | undefined {
  const system = { linux: 'linux', darwin: 'osx', win32: 'win' }[process.platform as string];
  const name = `Azure.Bicep.CommandLine.${system}-${process.arch}`;
  const path = join(CACHE, name.toLowerCase(), BICEP_VERSION, 'tools', `bicep${EXE}`);
  if (!existsSync(path) && !restore(name, say)) return undefined;
  // The package has it executable for its owner only, or not at all.
  chmodSync(path, 0o755);
  const bicep = asBicep(path);
  if (!bicep) say(`${name} ${BICEP_VERSION} was fetched from NuGet but does not run on this machine.`);
  return bicep;
}

// NuGet is asked by its own client: a project that wants nothing but the package.
function restore(name: string, say: (text: string) => void): boolean {
  mkdirSync(CACHE, { recursive: true });
  const project = join(CACHE, 'fetch.csproj');
  writeFileSync(
    project,
    `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net$(BundledNETCoreAppTargetFrameworkVersion)</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="${name}" Version="[${BICEP_VERSION}]" /></ItemGroup>
</Project>
`,
  );
  const run = spawnSync('dotnet', ['restore', project, '--packages', CACHE, '--nologo'], {
    encoding: 'utf8',
    env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1' },
  });
  if (run.status === 0) return true;
  const reason = run.error ? 'there is no .NET SDK (dotnet) on the PATH' : lastLine(run.stdout);
  say(`${name} ${BICEP_VERSION} could not be had from NuGet: ${reason}.`);
  return false;
}

function lastLine(text: string): string {
  return (
    text
      .split('\n')
      .filter((line) => /error/i.test(line))
      .at(-1)
      ?.trim()
      .replace(/\.$/, '') ?? 'dotnet restore failed'
  );
}
