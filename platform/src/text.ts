// Bounds the length of texts that come from callers.

/** The text, or its beginning with an ellipsis: `max` characters at most. */
export const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1)}…`;
