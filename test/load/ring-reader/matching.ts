/** MQTT 5 §4.7, once more and in another way than the product's: a filter as a regular expression. */
export function filterPattern(filter: string): RegExp {
  const levels = filter.split('/');
  const isAnyDepth = levels.at(-1) === '#';
  const fixed = (isAnyDepth ? levels.slice(0, -1) : levels).map((level) =>
    level === '+' ? '[^/]*' : level.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  const guard = /^[+#]/.test(filter) ? '(?!\\$)' : '';
  if (!isAnyDepth) return new RegExp(`^${guard}${fixed.join('/')}$`, 's');
  return new RegExp(fixed.length === 0 ? `^${guard}.*$` : `^${guard}${fixed.join('/')}(/.*)?$`, 's');
}
