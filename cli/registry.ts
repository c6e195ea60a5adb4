import * as z from "zod";

/** What options must be: an object schema of zod, which has these parts. */
export interface OptionsSchema<Options = Record<string, unknown>> {
  /** The schema of each option; defaults and descriptions show in the help. */
  readonly shape: Readonly<Record<string, unknown>>;
  /** Checks options and fills in defaults. */
  parse(given: unknown): Options;
}

/** A class, or anything else that can be made of options, under a name in a {@link Registry}. */
export interface Registered<Made, Rest extends readonly unknown[] = []> {
  /** What its options must be. */
  readonly options: OptionsSchema;
  /** Makes it of options that were checked. */
  readonly make: (options: Record<string, unknown>, ...rest: Rest) => Made;
}

/** What a program lets its command line choose from: nothing else is ever looked up by a name. */
export type Registry<Made, Rest extends readonly unknown[] = []> = Readonly<Record<string, Registered<Made, Rest>>>;

/**
 * An entry of a registry.
 *
 * @param options What its options must be, an object schema of zod
 * @param make Makes it
 *
 * @example
 * ```ts
 * import * as z from "zod";
 * import { registered } from "@fulgurite/core/cli";
 *
 * const entry = registered(z.object({ size: z.number().default(2) }), ({ size }) => new Float32Array(size));
 * console.log(entry.make({ size: 3 })); // Float32Array [0, 0, 0]
 * ```
 */
export function registered<Options, Made, Rest extends readonly unknown[] = []>(
  options: OptionsSchema<Options>,
  make: (options: Options, ...rest: Rest) => Made,
): Registered<Made, Rest> {
  return {
    options: options as OptionsSchema<unknown> as OptionsSchema,
    make: make as unknown as Registered<Made, Rest>["make"],
  };
}

/** Options that the class itself checks. */
export const anyOptions: OptionsSchema = z.looseObject({});

/** The schema of each option. */
export function schemasOf({ options }: Registered<unknown, never[]>): Readonly<Record<string, z.ZodType>> {
  return options.shape as Readonly<Record<string, z.ZodType>>;
}

/** Whether options that the schema does not name are left to the class. */
export function isOpen({ options }: Registered<unknown, never[]>): boolean {
  return (options as unknown as z.ZodObject).def.catchall !== undefined;
}
