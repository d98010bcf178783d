/** Scheme, host and port of `scheme://host:port`; null for anything else. */
export function splitUrl(
  text: string,
): { readonly scheme: string; readonly host: string; readonly port: number } | null {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^\s:/?#@[\]]+)):(\d{1,5})\/?$/i.exec(
    text,
  );
  const [, scheme = '', literal, name = '', digits = ''] = match ?? [];
  const port = Number(digits);
  if (match === null || port > 65_535) return null;
  return { scheme: scheme.toLowerCase(), host: hostOf(literal ?? name), port };
}

/** Lower case, but for the name of an interface. */
function hostOf(written: string): string {
  const [address = '', ...scope] = written.split('%');
  return [address.toLowerCase(), ...scope].join('%');
}
