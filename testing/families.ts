/** Tests that both families of kernels give what the reference gives, on any adapter. */
import { type Family, family, withFamily } from "../kernels/_family.ts";
import { scope } from "../mod.ts";
import { gpuTest } from "./gpu.ts";
import { caseName, fullInput, type OpCase, type OpSpec, runCase, testOp } from "./test_op.ts";

/** Rows from this length on may be shared by the invocations of a workgroup. */
const SHARED_FROM = 32;

const hasLongRows = <A>(entry: OpCase<A>) =>
  entry.inputs.some((input) => (fullInput(input).shape.at(-1) ?? 0) >= SHARED_FROM);

/**
 * Registers the contract test of an op, and another in f32 for the family of kernels that is not the adapter's own.
 *
 * @param spec The op, its reference and its cases
 * @param others Which cases the other family runs; default: those with rows that can be shared
 */
export function testOpInFamilies<A>(spec: OpSpec<A>, others: (entry: OpCase<A>) => boolean = hasLongRows): void {
  testOp(spec);
  gpuTest(`${spec.name}: the other family against the f64 reference`, async () => {
    const other: Family = family() === "lanes" ? "groups" : "lanes";
    const wrong: string[] = [];
    for (const entry of spec.cases.filter(others)) {
      const found = await withFamily(other, () => scope(() => runCase(spec, entry, "f32")));
      wrong.push(...found.map((what) => `${caseName(entry)}: ${what}`));
    }
    if (wrong.length > 0) throw new Error(`Cannot accept ${spec.name} of ${other}:\n  ${wrong.join("\n  ")}`);
  });
}

/** Registers a test that runs once for each family of kernels. */
export function testFamilies(name: string, fn: () => void | Promise<void>): void {
  for (const family of ["lanes", "groups"] as const) gpuTest(`${name} (${family})`, () => withFamily(family, fn));
}
