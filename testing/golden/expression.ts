/** Formulas of the fixtures (`lrLambda`): expressions in `epoch`, as TypeScript would write them. */

const TOKEN = /\s*(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|Math\.[A-Za-z0-9]+|epoch|\*\*|[=!]==?|[<>]=?|&&|\|\||[-+*\/%?:()!,])/y;

/**
 * The function that an expression in `epoch` stands for.
 *
 * Only numbers, operators, `epoch` and the members of `Math` are let through, so that a fixture cannot run anything
 * else; what is left is handed to the engine, whose arithmetic is the one that the fixtures mean.
 *
 * @throws {SyntaxError} If the text holds anything else
 */
export function evaluateExpression(text: string): (epoch: number) => number {
  TOKEN.lastIndex = 0;
  const source = text.trimEnd();
  while (TOKEN.lastIndex < source.length) {
    const start = TOKEN.lastIndex;
    const token = TOKEN.exec(source)?.[1];
    const member = token?.startsWith("Math.") ? token.slice(5) : undefined;
    if (token === undefined || (member !== undefined && !Object.hasOwn(Math, member))) {
      throw new SyntaxError(
        `Cannot use the formula "${text}": "${source.slice(start, start + 12)}" is not allowed in it`,
      );
    }
  }
  return new Function("epoch", `"use strict"; return (${source});`) as (epoch: number) => number;
}
