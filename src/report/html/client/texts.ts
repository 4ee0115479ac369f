const number = new Intl.NumberFormat('en');
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const date = new Intl.DateTimeFormat('en-GB', {
  ...{ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' },
});
const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** `1,024`. */
export function count(value: number): string {
  return number.format(value);
}

/** `1 VM`, `1,024 VMs`. */
export function vms(value: number): string {
  return `${count(value)} ${value === 1 ? 'VM' : 'VMs'}`;
}

/** `+12`, `−3`, with a true minus sign; `±0` for no change. */
export function signed(value: number): string {
  if (value === 0) return '±0';
  return value > 0 ? `+${count(value)}` : `−${count(-value)}`;
}

/** `24 Nov 2026, 15:00 UTC`. The text itself when it is no time. */
export function time(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : `${date.format(at)} UTC`;
}

/** `5 minutes ago`, `in 2 hours`. */
export function ago(iso: string, now: number): string {
  const passed = Date.parse(iso) - now;
  const [unit, ms] = UNITS.find(([, ms]) => Math.abs(passed) >= ms) ?? ['minute', 60_000];
  return Number.isNaN(passed) ? '' : relative.format(Math.round(passed / ms), unit);
}

/** The last part of an id: its name. */
export function lastPart(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
