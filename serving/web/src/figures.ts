/** Numbers as people read them. */

const MEGABYTE = 1_000_000;
const SMALLEST_PERCENT = 0.001;

export function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(bytes < MEGABYTE ? 2 : 1)} MB`;
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

/** Return a share between 0 and 1 as a percentage, to two digits. */
export function percent(share: number): string {
  const value = share * 100;
  if (value < SMALLEST_PERCENT) return `< ${SMALLEST_PERCENT} %`;
  const places = value < 0.1 ? 3 : value < 1 ? 2 : value < 10 ? 1 : 0;
  return `${value.toFixed(places)} %`;
}
