import { onlyDeployed } from './template.ts';

/** A parameter of a workbook. */
export interface WorkbookParameter {
  readonly name: string;
  readonly type: number;
  readonly query?: string;
  readonly queryType?: number;
  readonly crossComponentResources?: readonly string[];
}

/** A part of a workbook: type 1 is a text, 3 a query, 9 a row of parameters. */
export interface WorkbookPart {
  readonly type: number;
  readonly name: string;
  readonly conditionalVisibility?: { readonly parameterName: string };
  readonly conditionalVisibilities?: readonly { readonly parameterName: string }[];
  readonly content: {
    readonly query?: string;
    /** 0 asks a workspace, 1 Resource Graph, 7 joins two other parts. */
    readonly queryType?: number;
    readonly crossComponentResources?: readonly string[];
    readonly parameters?: readonly WorkbookParameter[];
    readonly exportFieldName?: string;
    readonly exportParameterName?: string;
    readonly exportedParameters?: readonly { readonly fieldName: string; readonly parameterName: string }[];
    readonly timeContextFromParameter?: string;
    readonly chartSettings?: { readonly xAxis: string; readonly yAxis: readonly string[] };
    readonly tileSettings?: Readonly<
      Record<'titleContent' | 'leftContent', { readonly columnMatch: string }>
    >;
    readonly gridSettings?: {
      readonly formatters?: readonly { readonly columnMatch: string }[];
      readonly sortBy?: readonly { readonly itemKey: string }[];
      readonly labelSettings?: readonly { readonly columnId: string }[];
    };
  };
}

/** The workbook as it would be deployed with a sample. */
export function deployedWorkbook(sample: string): { version: string; items: readonly WorkbookPart[] } {
  return JSON.parse(onlyDeployed(sample, 'Microsoft.Insights/workbooks').properties.serializedData);
}

/** The query of a part or a parameter of the workbook, by its name, with parameters put in as the portal does: as text. */
export function workbookQuery(name: string, values: Readonly<Record<string, string>> = {}): string {
  const { items } = deployedWorkbook('main.minimal');
  const parameters = items.flatMap(({ content }) => content.parameters ?? []);
  const query =
    parameters.find((one) => one.name === name)?.query ??
    items.find((one) => one.name === name)?.content.query;
  if (query === undefined) throw new Error(`The workbook asks nothing by the name ${name}.`);
  return putIn(query, values);
}

/** A query with the values of parameters put in. Throws for one that has none. */
export function putIn(query: string, values: Readonly<Record<string, string>>): string {
  return query.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`The parameter ${name} has no value.`);
    return value;
  });
}
