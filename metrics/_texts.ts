/** Texts, or one. */
export type Texts = string | readonly string[];

/** Texts as a list, checked. */
export function listOf(metric: string, name: string, texts: Texts): readonly string[] {
  const list = typeof texts === "string" ? [texts] : texts;
  if (Array.isArray(list) && list.every((text) => typeof text === "string")) return list;
  throw new TypeError(`Cannot update ${metric}: ${name} must be a text or a list of texts`);
}

/** Pairs of a text and what it should be. */
export function pairs(metric: string, preds: Texts, target: Texts): [string, string][] {
  const [given, wanted] = [listOf(metric, "preds", preds), listOf(metric, "target", target)];
  if (given.length === wanted.length) return given.map((text, i) => [text, wanted[i]]);
  throw new RangeError(
    `Cannot update ${metric}: there must be a target for each prediction, there are ${given.length} and ${wanted.length}`,
  );
}

/** What stands between white space. */
export const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
