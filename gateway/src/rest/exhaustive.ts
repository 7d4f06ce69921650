// Mappings between REST and GraphQL name every member of what they read. What they write is named by its type.

/**
 * Takes what a mapping has left of the object that it reads: `const { name, ...rest } = body; nothingIsLeft(rest)` does
 * not compile while the object has a member that the mapping does not name.
 */
export function nothingIsLeft(_rest: Readonly<Record<string, never>>): void {}
