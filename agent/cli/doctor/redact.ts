const secretName = /passw|secret|token|psk|^key$|private|credential/i;
/** What stands before the @ of an address. */
const userPart = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;

/** The same value without what must not leave this machine: passwords in addresses, and whatever is named like a secret. */
export function redacted(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(userPart, '$1[secret]@');
  if (Array.isArray(value)) return value.map(redacted);
  if (value === null || typeof value !== 'object') return value;
  const plain = 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : value;
  if (typeof plain !== 'object' || plain === null) return redacted(plain);
  return Object.fromEntries(
    Object.entries(plain).map(([name, one]) => [
      name,
      secretName.test(name) && one !== null ? '[secret]' : redacted(one),
    ]),
  );
}

/** Whether a text holds any of these, as bytes, hex or base64. */
export function secretsIn(text: string, secrets: readonly Buffer[]): boolean {
  return secrets.some((secret) => {
    const trimmed = secret.toString('latin1').trim();
    const forms = [trimmed, secret.toString('hex'), secret.toString('base64').replaceAll('=', '')];
    return forms.some((form) => form.length >= 16 && text.toLowerCase().includes(form.toLowerCase()));
  });
}
