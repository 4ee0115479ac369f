/** What the expressions of an ARM template may refer to. */
export interface Scope {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly functions: Readonly<
    Record<string, { parameters: { name: string }[]; output: { value: unknown } }>
  >;
}

const builtIn: Readonly<Record<string, (...args: never[]) => unknown>> = {
  concat: (...parts: unknown[][]) => parts.flat(),
  createArray: (...items: unknown[]) => items,
  if: (condition: boolean, yes: unknown, no: unknown) => (condition ? yes : no),
  equals: (a: unknown, b: unknown) => a === b,
  not: (value: boolean) => !value,
  or: (...values: boolean[]) => values.some(Boolean),
  and: (...values: boolean[]) => values.every(Boolean),
};

/**
 * The value of a template's `[expression]`, or the value itself when it is none. Knows what lists of actions are made
 * with: concat, if and the like, variables, parameters, functions of the template. Throws on anything else.
 */
export function evaluate(value: unknown, scope: Scope): unknown {
  if (typeof value !== 'string' || !value.startsWith('[') || value.startsWith('[[')) return value;
  const tokens = value.slice(1, -1).match(/'(?:[^']|'')*'|[\w.]+|[(),]/g) ?? [];
  const result = expression(tokens, scope);
  if (tokens.length > 0) throw new Error(`cannot read the rest of ${value}: ${tokens.join(' ')}`);
  return result;
}

function expression(tokens: string[], scope: Scope): unknown {
  const token = tokens.shift() ?? '';
  const next = () => tokens[0];
  if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
  if (next() !== '(') return token === 'true' ? true : token === 'false' ? false : Number(token);
  tokens.shift();
  const args: unknown[] = [];
  while (next() !== ')') {
    args.push(expression(tokens, scope));
    if (next() === ',') tokens.shift();
    else if (next() !== ')') throw new Error(`cannot read ${token}(…${tokens.join(' ')}`);
  }
  tokens.shift();
  return call(token, args, scope);
}

function call(name: string, args: unknown[], scope: Scope): unknown {
  if (name === 'variables' || name === 'parameters') {
    const value = scope[name][String(args[0])];
    if (value === undefined) throw new Error(`there is no ${String(args[0])} among the ${name}`);
    return evaluate(value, scope);
  }
  const own = scope.functions[name];
  if (own) {
    const parameters = Object.fromEntries(own.parameters.map((one, index) => [one.name, args[index]]));
    return evaluate(own.output.value, { ...scope, parameters });
  }
  const known = builtIn[name] as ((...args: unknown[]) => unknown) | undefined;
  if (!known) throw new Error(`the function ${name} is not known here`);
  return known(...args);
}
