import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A compiled template: one of `infra/azuredeploy*.json`, or a module inside of it. */
export interface Template {
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly definitions?: Readonly<Record<string, Parameter>>;
  readonly resources: Readonly<Record<string, TemplateResource>>;
  readonly outputs?: Readonly<Record<string, { readonly metadata?: { readonly description?: string } }>>;
}

/** A parameter, or a type. */
export interface Parameter {
  readonly type?: string;
  readonly $ref?: string;
  readonly nullable?: boolean;
  readonly defaultValue?: unknown;
  readonly allowedValues?: readonly (string | number)[];
  readonly minValue?: number;
  readonly maxValue?: number;
  readonly metadata?: { readonly description?: string };
}

interface TemplateResource {
  readonly type: string;
  readonly existing?: boolean;
  readonly properties?: { readonly template?: Template };
}

/** A resource as it would be deployed, its expressions evaluated as far as they can be before deployment. */
export interface DeployedResource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly location?: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type has properties of its own, and tests name what they expect.
  readonly properties?: any;
  readonly identity?: { readonly type: string; readonly userAssignedIdentities: Record<string, object> };
}

const infra = join(import.meta.dirname, '../../infra');

/** The names of the compiled templates, by what they are for. */
export const templateFiles = {
  main: 'azuredeploy.json',
  authorize: 'azuredeploy.authorize.json',
  authorizeSubscription: 'azuredeploy.authorize-subscription.json',
  events: 'azuredeploy.events.json',
} as const;

/** The text of a file in `infra/`. */
export function infraText(file: string): string {
  return readFileSync(join(infra, file), 'utf8');
}

/** Reads a compiled template. */
export function readTemplate(name: keyof typeof templateFiles): Template {
  return JSON.parse(infraText(templateFiles[name]));
}

/** The template itself and every module in it, however deep, each with its path of module names. */
export function* withModules(
  template: Template,
  path = '',
): Generator<{ readonly path: string; readonly template: Template }> {
  yield { path, template };
  for (const [name, { properties }] of Object.entries(template.resources)) {
    if (properties?.template) yield* withModules(properties.template, `${path}/${name}`);
  }
}

/** One module of a template, by the name it has there. Fails when there is none. */
export function moduleOf(template: Template, name: string): Template {
  const module = template.resources[name]?.properties?.template;
  assert.ok(module, `the template has no module ${name}`);
  return module;
}

/**
 * What would be deployed with `infra/samples/{sample}.bicepparam`, as the compiler evaluated it (`.snapshot.json`);
 * with a type, only resources of that type, in any letter case.
 */
export function deployed(sample: string, type?: string): readonly DeployedResource[] {
  const { predictedResources } = JSON.parse(infraText(`samples/${sample}.snapshot.json`)) as {
    predictedResources: DeployedResource[];
  };
  return predictedResources.filter(
    (resource) => type === undefined || resource.type.toLowerCase() === type.toLowerCase(),
  );
}

/** The only deployed resource of its type. Fails when there is none or more than one. */
export function onlyDeployed(sample: string, type: string): DeployedResource {
  const [resource, ...others] = deployed(sample, type);
  assert.ok(resource && others.length === 0, `${sample} has not exactly one ${type}`);
  return resource;
}

/**
 * The settings that a sample chooses for the app, as environment variables; empty ones, which the template leaves out
 * when it is deployed, are empty. Other app settings are known only to Azure, so their expression stays unevaluated.
 */
export function chosenSettings(sample: string): Record<string, string> {
  const expression = onlyDeployed(sample, 'Microsoft.Web/sites').properties.siteConfig.appSettings as string;
  const list = /union\(createObject\(((?:'(?:[^']|'')*'(?:, )?)*)\)/.exec(expression)?.[1] ?? '';
  const texts = [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) => text.replaceAll("''", "'"));
  const pairs = texts.flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1] ?? '']] : []));
  return Object.fromEntries(pairs);
}
