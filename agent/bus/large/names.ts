/** Bytes of a name as file systems count them, with room for what is put behind it. */
const nameLimit = 200;

/**
 * A file's name from the far side as one name in a directory: never a path, never hidden, nothing that a terminal or a
 * shell would take for more than a name.
 */
export function safeName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const plain = last.normalize('NFC').replaceAll(/[\p{C}\p{Zl}\p{Zp}:*?"<>|$`]/gu, '_');
  const shown = plain.replace(/^[.\s~-]+/, '').replace(/[.\s]+$/, '');
  return cut(shown) || 'file';
}

/** The name, or where it is taken, the name with the transfer's own id in it. */
export function freeName(name: string, id: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const short = `${stem}-${id.slice(0, 8)}${ending}`;
  return taken.has(short) ? `${stem}-${id}${ending}` : short;
}

function cut(name: string): string {
  if (Buffer.byteLength(name) <= nameLimit) return name;
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 && Buffer.byteLength(name.slice(dot)) <= 20 ? name.slice(dot) : '';
  let stem = '';
  for (const character of name.slice(0, name.length - ending.length)) {
    if (Buffer.byteLength(stem + character + ending) > nameLimit) break;
    stem += character;
  }
  return stem + ending;
}
