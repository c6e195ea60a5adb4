/** Options as they are printed in parentheses behind a layer's name. */
export function shownOptions(options: object): string {
  const shown = (value: unknown) => Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
  return Object.entries(options).map(([name, value]) => `${name}=${shown(value)}`).join(", ");
}
