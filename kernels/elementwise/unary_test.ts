import { map } from "../../testing/reference.ts";
import { opSpec, STRADDLING, testOp } from "../../testing/test_op.ts";
import { UNARY } from "../../testing/pointwise_rows.ts";

for (const [name, run, reference, draw = "normal", half = false] of UNARY) {
  testOp(opSpec({
    name,
    run: ([x]) => run(x),
    reference: ([x]) => map(reference, x),
    draw,
    dtypes: half ? ["f32", "f16", "bf16"] : ["f32"],
    cases: [
      { inputs: [[]] },
      { inputs: [[2, 3, 5]] },
      { inputs: [[0, 3]] },
      ...(half ? STRADDLING.map((size) => ({ inputs: [[size]] })) : [{ inputs: [[257]] }]),
    ],
  }));
}
