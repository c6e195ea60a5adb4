import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  mul,
  noGrad,
  randn,
  scaledDotProductAttention,
  ShapeError,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { KeyValueCache } from "./key_value_cache.ts";
import { MultiheadAttention } from "./attention.ts";
import { RotaryEmbedding, SinusoidalPositions } from "./positions.ts";
import { Transformer, TransformerDecoder, TransformerEncoder } from "./transformer.ts";
import { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer_layer.ts";

async function assertNear(got: Tensor, want: Tensor, tolerance = 2e-5): Promise<void> {
  assertEquals(got.shape, want.shape);
  const [a, b] = [await got.data(), await want.data()];
  for (let i = 0; i < a.length; i++) assert(Math.abs(a[i] - b[i]) < tolerance, `[${i}]: ${a[i]}, want ${b[i]}`);
}

gpuTest("MultiheadAttention without weights gives what it gives with them, masked, crossed, either order", async () => {
  const keyPaddingMask = tensor([[false, false, true, false, false], [false, true, false, false, true]]);
  const added = mul(randn([5, 5]), 2);
  const never = Transformer.generateSquareSubsequentMask(5);
  for (const batchFirst of [true, false]) {
    using layer = new MultiheadAttention(8, 2, { batchFirst });
    const x = randn(batchFirst ? [2, 5, 8] : [5, 2, 8]), other = randn(x.shape);
    for (
      const options of [{}, { isCausal: true }, { keyPaddingMask }, { attnMask: never, keyPaddingMask }, {
        attnMask: added,
        keyPaddingMask,
      }]
    ) {
      for (const key of [x, other]) {
        const [want] = layer.forward(x, key, key, options);
        const [got, weights] = layer.forward(x, key, key, { ...options, needWeights: false });
        assertEquals(weights, null);
        await assertNear(got, want);
      }
    }
  }
});

gpuTest("transformer layers have PyTorch's names, and add up as its formulas say", async () => {
  for (const normFirst of [false, true]) {
    using layer = new TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true, normFirst, dropout: 0 });
    assertEquals([...layer.stateDict().keys()].sort(), [
      ..."linear1.bias linear1.weight linear2.bias linear2.weight norm1.bias norm1.weight norm2.bias norm2.weight"
        .split(
          " ",
        ),
      ..."self_attn.in_proj_bias self_attn.in_proj_weight self_attn.out_proj.bias self_attn.out_proj.weight".split(" "),
    ]);
    const x = randn([2, 5, 8]);
    const attention = [...layer.namedModules()].find(([name]) => name === "self_attn")![1] as MultiheadAttention;
    const attend = (y: Tensor) => attention.forward(y, y, y, { isCausal: true })[0];
    const feed = (y: Tensor) => layer.linear2.forward(layer.linear1.forward(y).relu());
    const { norm1, norm2 } = layer;
    const first = normFirst ? add(x, attend(norm1.forward(x))) : norm1.forward(add(x, attend(x)));
    const want = normFirst ? add(first, feed(norm2.forward(first))) : norm2.forward(add(first, feed(first)));
    await assertNear(layer.forward(x, { isCausal: true }), want);
  }
  using decoder = new TransformerDecoderLayer(8, 2, { activation: "gelu", batchFirst: true });
  assertEquals(decoder.stateDict().size, 8 + 4 + 6);
  assert(decoder.stateDict().has("multihead_attn.in_proj_weight"));
});

gpuTest("a transformer trains all of its parameters, and its stack starts with equal layers", async () => {
  using model = new Transformer({
    dModel: 8,
    numHeads: 2,
    numEncoderLayers: 2,
    numDecoderLayers: 1,
    dimFeedforward: 12,
    batchFirst: true,
  });
  backward(sum(model.forward(randn([2, 6, 8]), randn([2, 4, 8]), { tgtIsCausal: true })));
  for (const [name, p] of model.namedParameters()) assert(p.grad !== null, name);
  model.zeroGrad();
  const first = new TransformerEncoderLayer(8, 2, { dimFeedforward: 4 });
  using encoder = new TransformerEncoder(first, 3);
  const state = encoder.stateDict();
  assertEquals(await state.get("layers.2.linear1.weight")!.data(), await state.get("layers.0.linear1.weight")!.data());
  assertThrows(() => model.forward(zeros([2, 6, 8]), zeros([2, 6, 7])), ShapeError, "must have 8 features");
  assertThrows(() => new TransformerEncoder(first, 0), RangeError, "from 1 on, got 0");
});

gpuTest("rotary embedding: scores depend on the distance alone, lengths stay", async () => {
  for (const interleaved of [false, true]) {
    using rotary = new RotaryEmbedding(8, { maxLength: 32, interleaved });
    assertEquals(rotary.stateDict().size, 0);
    const q = randn([1, 8]), k = randn([1, 8]);
    const score = (i: number, j: number) =>
      sum(mul(rotary.forward(q, { offset: i }), rotary.forward(k, { offset: j }))).item();
    const near = await score(7, 4), far = await score(23, 20);
    assert(Math.abs(near - far) < 1e-4, `${near}, ${far}`);
    assert(Math.abs(near - await score(7, 5)) > 1e-6);
    await assertNear(rotary.forward(q), q);
    // The first pair turns by one radian a place.
    const x = tensor([[0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]], { dtype: "f32" });
    const turned = (await rotary.forward(x).array() as number[][])[1];
    assert(Math.abs(turned[0] - Math.cos(1)) < 1e-6 && Math.abs(turned[interleaved ? 1 : 4] - Math.sin(1)) < 1e-6);
    assertThrows(() => rotary.forward(q, { offset: 32 }), ShapeError, "up to 32 places of 8 features");
  }
  assertThrows(() => new RotaryEmbedding(5), RangeError, "must be even, got 5");
});

gpuTest("sinusoidal places", async () => {
  using places = new SinusoidalPositions(4, { maxLength: 6 });
  const rows = await places.forward(zeros([1, 2, 4]), { offset: 3 }).array() as number[][][];
  const want = (p: number) => [Math.sin(p), Math.cos(p), Math.sin(p / 100), Math.cos(p / 100)];
  rows[0].forEach((row, i) => row.forEach((v, f) => assert(Math.abs(v - want(3 + i)[f]) < 1e-6, `${i} ${f}`)));
});

gpuTest("keys and values that are kept give what all places at once give", async () => {
  const [q, k, v] = [randn([1, 2, 6, 4]), randn([1, 2, 6, 4]), randn([1, 2, 6, 4])];
  const want = scaledDotProductAttention(q, k, v, { isCausal: true });
  using cache = new KeyValueCache();
  const at = (t: Tensor, i: number) => t.slice({ dim: 2, start: i, end: i + 1 });
  for (let i = 0; i < 6; i++) {
    const y = noGrad(() => {
      const { keys, values } = cache.append(at(k, i), at(v, i));
      return scaledDotProductAttention(at(q, i), keys, values);
    });
    await assertNear(y, at(want, i));
  }
  assertEquals(cache.length, 6);
});

gpuTest("attention and transformers know no other options, and say which mask has which shape", () => {
  const options = { dimFeedforward: 8, batchFirst: true };
  using attention = new MultiheadAttention(8, 2, { batchFirst: true });
  using encoder = new TransformerEncoder(new TransformerEncoderLayer(8, 2, options), 1);
  using decoder = new TransformerDecoder(new TransformerDecoderLayer(8, 2, options), 1);
  using model = new Transformer({ dModel: 8, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, ...options });
  const x = randn([3, 5, 8]), memory = randn([3, 4, 8]), bools = (shape: number[]) => zeros(shape, { dtype: "bool" });
  // A record of names from elsewhere: the compiler cannot see what is wrong with them.
  const call = (name: string, mask: Tensor): Record<string, Tensor> => ({ [name]: mask });
  const runs: Record<string, (given: Record<string, Tensor>) => unknown> = {
    MultiheadAttention: (given) => attention.forward(x, memory, memory, given),
    TransformerEncoderLayer: (given) => encoder.layers.at(0)!.forward(x, given),
    TransformerEncoder: (given) => encoder.forward(x, given),
    TransformerDecoderLayer: (given) => decoder.layers.at(0)!.forward(x, memory, given),
    TransformerDecoder: (given) => decoder.forward(x, memory, given),
    Transformer: (given) => model.forward(memory, x, given),
  };
  const right: [string, string, number[], string][] = [
    ["MultiheadAttention", "attnMask", [5, 4], "[5, 4] or [6, 5, 4]"],
    ["MultiheadAttention", "keyPaddingMask", [3, 4], "[3, 4]"],
    ["TransformerEncoderLayer", "srcMask", [6, 5, 5], "[5, 5] or [6, 5, 5]"],
    ["TransformerEncoder", "srcKeyPaddingMask", [3, 5], "[3, 5]"],
    ["TransformerDecoderLayer", "tgtMask", [5, 5], "[5, 5] or [6, 5, 5]"],
    ["TransformerDecoderLayer", "memoryMask", [5, 4], "[5, 4] or [6, 5, 4]"],
    ["TransformerDecoder", "tgtKeyPaddingMask", [3, 5], "[3, 5]"],
    ["Transformer", "memoryKeyPaddingMask", [3, 4], "[3, 4]"],
    ["Transformer", "srcMask", [4, 4], "[4, 4] or [6, 4, 4]"],
  ];
  for (const [who, name, shape, shapes] of right) {
    const run = runs[who];
    run(call(name, bools(shape)));
    const slip = name.toLowerCase();
    assertThrows(
      () => run(call(slip, bools(shape))),
      TypeError,
      `Cannot run ${who}: there is no option ${slip}, ${name} is the nearest`,
    );
    const layer = who.endsWith("coder") ? `${who}Layer` : who === "Transformer" ? "Transformer" : who;
    assertThrows(
      () => run(call(name, bools([2, 7]))),
      ShapeError,
      `${name} must have shape ${shapes}, its shape is [2, 7]`,
    );
    assertThrows(() => run(call(name, bools([2, 7]))), ShapeError, `Cannot run ${layer}`);
    assertThrows(
      () => run(call(name, zeros(shape, { dtype: "i32" }))),
      TypeError,
      `${name} must hold booleans or floats`,
    );
  }
  using alone = new MultiheadAttention(8, 2);
  const one = randn([5, 8]);
  assertEquals(alone.forward(one, one, one, { keyPaddingMask: bools([5]) })[0].shape, [5, 8]);
  assertThrows(() => alone.forward(one, one, one, { keyPaddingMask: bools([4]) }), ShapeError, "shape [5] or [1, 5]");
});
