/**
 * Loaded before examples: a `console.assert` that does not hold fails its example, where it would only print a line.
 */
console.assert = (condition?: boolean, ...words: unknown[]) => {
  if (!condition) throw new Error(["An assertion of an example does not hold", ...words].join(" "));
};
