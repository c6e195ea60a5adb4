import { checkNames, show } from "../device/option_names.ts";

/** Plain values by name that say how a module was made. */
export type Hyperparameters = Record<string, unknown>;

/** How hyperparameters are taken. */
export interface SaveHyperparametersOptions {
  /** Names that are left out. */
  ignore?: string | readonly string[];
  /** Whether loggers get them when fit begins; default true. */
  logger?: boolean;
}

/** What a module or a data module was made with. */
export class HyperparameterStore {
  /** The present values. */
  readonly values: Hyperparameters = {};
  /** The values as they were taken. */
  initial: Readonly<Hyperparameters> = {};
  /** Whether any were taken. */
  taken = false;
  /** Whether loggers get them. */
  logged = false;

  /**
   * Takes values, beside those taken before.
   *
   * @param owner Whose they are, for errors
   * @param given Plain values by name: what the constructor was given
   * @param options What to leave out, and whether loggers get them
   * @throws {TypeError} For a value that no file could hold, with its place
   */
  save(owner: string, given: object, options: SaveHyperparametersOptions = {}): void {
    checkNames(`save hyperparameters of ${owner}`, options, { ignore: true, logger: true });
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw new TypeError(
        `Cannot save hyperparameters of ${owner}: they must be an object, such as { lr: 0.1 }, got ${show(given)}`,
      );
    }
    const ignored = new Set([options.ignore ?? []].flat());
    const kept = Object.entries(given).filter(([name, value]) => !ignored.has(name) && value !== undefined);
    const copy = () => Object.fromEntries(kept.map(([name, value]) => [name, plain(owner, value, name)]));
    Object.assign(this.values, copy());
    this.initial = Object.freeze({ ...this.initial, ...copy() });
    this.taken = true;
    this.logged = options.logger ?? true;
  }
}

/** A copy of a plain value. */
function plain(owner: string, value: unknown, path: string, around: readonly unknown[] = []): unknown {
  if (around.includes(value)) {
    throw new TypeError(`Cannot save hyperparameters of ${owner}: a value must not hold itself, ${path} does`);
  }
  const inside = (item: unknown, name: string | number) => plain(owner, item, `${path}.${name}`, [...around, value]);
  if (value === null || ["number", "string", "boolean"].includes(typeof value)) return value;
  if (Array.isArray(value)) return value.map(inside);
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return Object.fromEntries(
      Object.entries(value).filter(([, item]) => item !== undefined)
        .map(([name, item]) => [name, inside(item, name)]),
    );
  }
  const got = typeof value === "object" ? `an object of ${value.constructor.name}` : `a ${typeof value}`;
  throw new TypeError(
    `Cannot save hyperparameters of ${owner}: they may be numbers, text, booleans, null, and lists and objects of them, ` +
      `got ${got} at ${path}; name it in \`ignore\` to leave it out`,
  );
}
