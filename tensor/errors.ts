/** Shapes that do not fit an operation. It is a `TypeError`, and carries the operation and the shapes as data. */
export class ShapeError extends TypeError {
  /** Name of the class. */
  override name = "ShapeError";
  /** The operation that was attempted. */
  readonly op: string;
  /** The shapes it was given. */
  readonly shapes: readonly (readonly number[])[];

  /**
   * Made by the operation that was attempted.
   *
   * @param op The operation that was attempted
   * @param message What was attempted, then the rule, then the values
   * @param shapes The shapes it was given
   */
  constructor(op: string, message: string, shapes: readonly (readonly number[])[]) {
    super(message);
    this.op = op;
    this.shapes = shapes;
  }
}

/** `[2, 3]`, for messages. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** `[2, 3] and [4, 5]`, for messages. */
export function showShapes(shapes: readonly (readonly number[])[]): string {
  const shown = shapes.map(showShape);
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
