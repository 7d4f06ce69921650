// Readable JSON: a value that fits into one line is in one line.

const WIDTH = 56;

export function compactJson(value: unknown, indent = ''): string {
  const line = formatInOneLine(value);
  if (typeof value !== 'object' || value === null || indent.length + line.length <= WIDTH) return line;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((member) => inner + compactJson(member, inner))
    : Object.entries(value).map(([name, member]) => `${inner}"${name}": ${compactJson(member, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

function formatInOneLine(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(formatInOneLine).join(', ')}]`;
  const members = Object.entries(value).map(([name, member]) => `"${name}": ${formatInOneLine(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}
