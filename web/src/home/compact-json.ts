// JSON as people like to read it: what fits into a line stands in one.

const WIDTH = 56;

export function compactJson(value: unknown, indent = ''): string {
  const line = JSON.stringify(value)
    .replaceAll(/([{,])"(\w+)":/g, '$1 "$2": ')
    .replaceAll(/}(?=[\]},]|$)/g, ' }');
  if (typeof value !== 'object' || value === null || indent.length + line.length <= WIDTH) return line;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => inner + compactJson(member, inner))
    : Object.entries(value).map(([name, member]) => `${inner}"${name}": ${compactJson(member, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}
