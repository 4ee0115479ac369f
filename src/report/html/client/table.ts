import { type Child, h, replace } from './dom.ts';
import { count } from './texts.ts';

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  /** What is sorted by. */
  readonly value: (row: T) => string | number;
  /** What is shown; by default the value as text. */
  readonly cell?: (row: T) => Child | readonly Child[];
  /** Names what the column is like: `number`, `wide`, `minor` (left out where there is little room). */
  readonly kind?: string;
}

/** What a table is made from. */
export interface TableOptions<T> {
  readonly caption: string;
  /** What a row is: `VM`; many have an s. */
  readonly rowIs: string;
  readonly columns: readonly [Column<T>, ...Column<T>[]];
  readonly rows: readonly T[];
  readonly pageSize: number;
  /** Said in the place of rows when there are none. */
  readonly whenEmpty: string;
}

/** A table on the page. */
export interface Table<T> {
  readonly element: HTMLElement;
  /** Shows other rows, from their first page on, sorted as before. */
  show(rows: readonly T[]): void;
  /** Shows more rows while the page is printed: on paper there is no next page to turn to. */
  print(printing: boolean): void;
}

const ROWS_IN_PRINT = 1000;
const collator = new Intl.Collator('en', { numeric: true });

/** Makes a table that sorts by column and turns pages, so that no more rows than a page are ever in the document. */
export function table<T>(options: TableOptions<T>): Table<T> {
  const { columns, rowIs } = options;
  let given = options.rows;
  let sorted = given;
  let by: { readonly column: Column<T>; readonly descending: boolean } | undefined;
  let page = 0;
  let size = options.pageSize;

  const heads = columns.map((column) =>
    h(
      'th',
      { scope: 'col', class: column.kind ?? '' },
      h('button', { type: 'button', click: () => sortBy(column) }, column.title),
    ),
  );
  const body = h('tbody');
  const status = h('p', { class: 'status', role: 'status' });
  const previous = h('button', { type: 'button', click: () => turn(page - 1) }, 'Previous');
  const next = h('button', { type: 'button', click: () => turn(page + 1) }, 'Next');
  const pager = h('div', { class: 'pager' }, status, h('span', { class: 'turn' }, previous, next));
  const scroller = h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      {},
      h('caption', { class: 'hidden' }, options.caption),
      h('thead', {}, h('tr', {}, ...heads)),
      body,
    ),
  );

  function sortBy(column: Column<T>): void {
    // Numbers are mostly looked at from the largest down.
    const first = column.kind === 'number';
    by = { column, descending: by?.column === column ? !by.descending : first };
    columns.forEach((other, index) => {
      const order = other === column ? (by?.descending ? 'descending' : 'ascending') : undefined;
      if (order) heads[index]?.setAttribute('aria-sort', order);
      else heads[index]?.removeAttribute('aria-sort');
    });
    sorted = inOrder();
    turn(0);
  }

  function inOrder(): readonly T[] {
    if (!by) return given;
    const { column, descending } = by;
    const values = [...new Set(given.map(column.value))];
    values.sort((a, b) =>
      typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b)),
    );
    const rank = new Map(values.map((value, index) => [value, descending ? -index : index]));
    return given
      .map((row) => ({ row, at: rank.get(column.value(row)) as number }))
      .sort((a, b) => a.at - b.at)
      .map(({ row }) => row);
  }

  function turn(to: number): void {
    const last = Math.max(0, Math.ceil(sorted.length / size) - 1);
    page = Math.min(Math.max(0, to), last);
    const shown = sorted.slice(page * size, (page + 1) * size);
    replace(body, ...(shown.length > 0 ? shown.map(line) : [emptyLine()]));
    const from = page * size;
    const all = `${count(sorted.length)} ${rowIs}${sorted.length === 1 ? '' : 's'}`;
    replace(status, last === 0 ? all : `${count(from + 1)}–${count(from + shown.length)} of ${all}`);
    disable(previous, page === 0);
    disable(next, page === last);
    pager.classList.toggle('single', last === 0);
    scroller.scrollTop = 0;
  }

  function line(row: T): HTMLElement {
    const [first, ...others] = columns;
    return h(
      'tr',
      {},
      h('th', { scope: 'row', class: first.kind ?? '' }, ...cell(first, row)),
      ...others.map((column) => h('td', { class: column.kind ?? '' }, ...cell(column, row))),
    );
  }

  function cell(column: Column<T>, row: T): readonly Child[] {
    const shown = column.cell?.(row) ?? String(column.value(row));
    return Array.isArray(shown) ? shown : [shown as Child];
  }

  function emptyLine(): HTMLElement {
    return h('tr', {}, h('td', { colspan: columns.length, class: 'empty' }, options.whenEmpty));
  }

  turn(0);
  return {
    element: h('div', { class: 'table' }, scroller, pager),
    show(rows) {
      given = rows;
      sorted = inOrder();
      turn(0);
    },
    print(printing) {
      size = printing ? ROWS_IN_PRINT : options.pageSize;
      turn(0);
    },
  };
}

// A button that goes away under the finger loses the focus; one that only says it is off keeps it.
function disable(button: HTMLButtonElement, off: boolean): void {
  button.setAttribute('aria-disabled', String(off));
}
