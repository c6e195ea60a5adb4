/** A WGSL expression cut at its operands, so that names can be put in without searching it again. */
export interface Expression {
  /** Unique for the text; part of the keys of fused kernels. */
  readonly id: number;
  /** The text between the operands: one piece more than there are places. */
  readonly pieces: readonly string[];
  /** Which operand stands at each place. */
  readonly places: readonly number[];
}

/** Names of operands in an expression, in order. */
export const NAMES: readonly string[] = ["x", "y", "z", "u", "v", "w"];

const known = new Map<string, Expression>();

/**
 * Cuts an expression, once for each text.
 *
 * @param f WGSL in which operands go by `names`; `i` is the number of the element
 * @param names Names of the operands, in order
 */
export function expressionOf(f: string, names: readonly string[] = NAMES): Expression {
  const key = names === NAMES ? f : `${names.join(" ")}: ${f}`;
  let found = known.get(key);
  if (found === undefined) {
    const pieces: string[] = [], places: number[] = [];
    let from = 0;
    // A name is a whole word that is no member of something.
    for (const match of f.matchAll(/(?<![.\w])[a-zA-Z]\w*/g)) {
      const place = names.indexOf(match[0]);
      if (place < 0) continue;
      pieces.push(f.slice(from, match.index));
      places.push(place);
      from = match.index + match[0].length;
    }
    pieces.push(f.slice(from));
    known.set(key, found = { id: known.size, pieces, places });
  }
  return found;
}

/** The expression with text in the place of each operand. */
export function fill({ pieces, places }: Expression, operands: readonly string[]): string {
  let text = pieces[0];
  for (let k = 0; k < places.length; k++) text += operands[places[k]] + pieces[k + 1];
  return text;
}
