// Caches what is computed from a part of a schema; the cache ends with the schema.

/** Wraps a function so that it computes each key once. */
export function perKey<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const found = known.get(key) ?? { value: compute(key) };
    known.set(key, found);
    return found.value;
  };
}
