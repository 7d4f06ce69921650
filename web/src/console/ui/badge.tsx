import { inWords } from './format.ts';

/** A status or a role, coloured by its name in console.css. */
export function Badge({ of }: { of: string }) {
  return <span className={`badge ${of.toLowerCase()}`}>{inWords(of)}</span>;
}
