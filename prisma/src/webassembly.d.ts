// The two lines of WebAssembly that this package calls; TypeScript declares it in its DOM library only.
declare namespace WebAssembly {
  function instantiate(
    bytes: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: object } }>;
}
