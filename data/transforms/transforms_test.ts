import { assert, assertEquals, assertThrows } from "@std/assert";
import { PhiloxStream } from "../../tensor/philox.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";
import * as t from "./mod.ts";

const ramp = (channels: number, height: number, width: number) =>
  hostTensor(Uint8Array.from({ length: channels * height * width }, (_, i) => i % 251), {
    dtype: "u8",
    shape: [channels, height, width],
  });

Deno.test("random transforms are pure functions of their random numbers, and of all of them", () => {
  const image = ramp(3, 20, 24), float = t.imageToFloat(image);
  const transforms: [string, (random: PhiloxStream) => HostTensor][] = [
    ["randomCrop", (random) => t.randomCrop(16, { padding: 2 })(image, random)],
    ["randomResizedCrop", (random) => t.randomResizedCrop(12)(image, random)],
    ["randomHorizontalFlip", (random) => t.randomHorizontalFlip()(image, random)],
    ["randomVerticalFlip", (random) => t.randomVerticalFlip()(image, random)],
    ["randomRotation", (random) => t.randomRotation(40)(image, random)],
    [
      "randomAffine",
      (random) => t.randomAffine({ degrees: 5, translate: [0.2, 0.2], scale: [0.8, 1.2], shear: 9 })(image, random),
    ],
    [
      "colorJitter",
      (random) => t.colorJitter({ brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.2 })(image, random),
    ],
    ["randomGrayscale", (random) => t.randomGrayscale(0.5)(image, random)],
    ["randomErasing", (random) => t.randomErasing({ value: "random" })(float, random)],
    ["randomApply", (random) => t.randomApply(t.resize([8, 8]))(image, random)],
  ];
  const before = image.data.slice();
  for (const [name, make] of transforms) {
    const made = (seed: number) => make(new PhiloxStream(seed));
    assertEquals(made(3), made(3), name);
    const kinds = new Set(Array.from({ length: 12 }, (_, seed) => [...made(seed).data].join()));
    assert(kinds.size > 1, `${name} never changes anything else`);
  }
  assertEquals(image.data, before, "the image itself stays");
});

Deno.test("random crops come from everywhere, flips half of the time, angles from the whole range", () => {
  const image = ramp(1, 6, 5), corners = new Set<number>();
  let flips = 0;
  for (let seed = 0; seed < 400; seed++) {
    const crop = t.randomCrop([4, 4])(image, new PhiloxStream(seed));
    assertEquals(crop.shape, [1, 4, 4]);
    corners.add(crop.data[0]);
    if (t.randomHorizontalFlip()(image, new PhiloxStream(seed)).data[0] === 4) flips++;
  }
  assertEquals([...corners].sort((a, b) => a - b), [0, 1, 5, 6, 10, 11]);
  assert(flips > 150 && flips < 250, `${flips} of 400 were flipped`);
  assertEquals(t.randomCrop(8, { padIfNeeded: true })(image, new PhiloxStream(1)).shape, [1, 8, 8]);
  assertThrows(() => t.randomCrop(8)(image, new PhiloxStream(1)), RangeError, "must be at least 8 × 8, is 6 × 5");
});

Deno.test("erasing paints a rectangle within its share, the same in each channel", () => {
  const image = hostTensor(new Float32Array(3 * 20 * 20).fill(1), { dtype: "f32", shape: [3, 20, 20] });
  const erase = t.randomErasing({ probability: 1, scale: [0.1, 0.2], ratio: [0.5, 2], value: [2, 3, 4] });
  for (let seed = 0; seed < 50; seed++) {
    const { data } = erase(image, new PhiloxStream(seed));
    const places = [2, 3, 4].map((value) => [...data.keys()].filter((i) => data[i] === value).map((i) => i % 400));
    assertEquals(places[1], places[0]);
    assertEquals(places[2], places[0]);
    const [rows, columns] = [(i: number) => Math.floor(i / 20), (i: number) => i % 20].map((of) =>
      new Set(places[0].map(of)).size
    );
    assertEquals(places[0].length, rows * columns);
    assert(places[0].length > 25 && places[0].length < 100, `${places[0].length} pixels of 400`);
  }
});

Deno.test("transforms one after the other, in value and in type", () => {
  const all = t.compose(t.resize([4, 4]), t.randomHorizontalFlip(1), t.toTensor(), t.normalize(0.5, 0.5));
  const made: HostTensor<"f32"> = all(ramp(1, 8, 8), new PhiloxStream(0));
  assertEquals([made.dtype, made.shape.join()], ["f32", "1,4,4"]);
  assert(made.data[0] > made.data[3]);
});

Deno.test("transforms without chance need no random numbers, one after the other, too", () => {
  const image = ramp(1, 8, 8), random = new PhiloxStream(0);
  const plain = t.compose(t.resize(6), t.centerCrop(4), t.toTensor(), t.normalize(0.5, 0.5));
  assertEquals(plain(image), plain(image, random));
  assertEquals(t.compose(t.toTensor(), (x) => x)(image), t.toTensor()(image));
  const draws = [
    t.compose(t.randomHorizontalFlip(), t.toTensor()),
    t.compose(t.toTensor(), (x, random: t.RandomSource) => (random.uniform(), x)),
  ];
  for (const draw of draws) {
    // @ts-expect-error it draws
    assertThrows(() => draw(image));
    assertEquals(draw(image, random).dtype, "f32");
  }
});

Deno.test("text becomes tokens, and tokens numbers and batches", () => {
  assertEquals(t.characterTokens("a🍬"), ["a", "🍬"]);
  assertEquals(t.wordTokens("It’s 2 o'clock – GO!"), ["it’s", "2", "o'clock", "–", "go", "!"]);
  assertEquals(t.wordTokens("  A b\n", { keepCase: true, punctuation: false }), ["A", "b"]);
  assertEquals(t.bytesToText(t.byteTokens("süß 🍬")), "süß 🍬");
  assertThrows(() => t.bytesToText([1, 256]), RangeError, "token 1 is 256");
  const texts = [["b", "a", "b"], ["c", "a", "b", "<pad>"]];
  const all = t.Vocabulary.from(texts, { specials: ["<pad>", "<unk>"], unknown: "<unk>" });
  assertEquals([all.tokens, all.size, all.unknownIndex], [["<pad>", "<unk>", "b", "a", "c"], 5, 1]);
  assertEquals([...all.encode("abz")], [3, 2, 1]);
  assertEquals(all.decode([4, 0]), ["c", "<pad>"]);
  assertEquals(t.Vocabulary.from(texts, { minFrequency: 2 }).tokens, ["b", "a"]);
  assertEquals(t.Vocabulary.from(texts, { maxSize: 1 }).tokens, ["b"]);
  assertThrows(() => new t.Vocabulary(["a"]).encode(["a", "b"]), RangeError, 'token 1 must be one of 1, is "b"');
  assertThrows(() => all.decode([5]), RangeError, "from 0 to 4, number 0 is 5");
  assertThrows(() => new t.Vocabulary(["a", "a"]), TypeError, '"a" comes twice');
  const { ids, mask } = t.padSequences([[1, 2, 3], [4]], { length: 2, side: "left", cut: "left", value: 7 });
  assertEquals([[...ids.data], [...mask.data], ids.shape], [[2, 3, 7, 4], [1, 1, 0, 1], [2, 2]]);
  assertThrows(() => t.padSequences([]), TypeError, "it needs one at least");
});

Deno.test("options out of range are refused when the transform is made", () => {
  const refused: [() => unknown, string][] = [
    [() => t.randomHorizontalFlip(1.5), "from 0 to 1, is 1.5"],
    [() => t.colorJitter({ hue: 0.7 }), "hue must be from -0.5 to 0.5, is -0.7"],
    [() => t.colorJitter({ brightness: -1 }), "brightness must be from 0"],
    [() => t.randomErasing({ scale: [0, 2] }), "scale must be from 0 to 1, is 2"],
    [() => t.randomAffine({ degrees: 1, translate: [2, 0] }), "translate must be from 0 to 1, is 2"],
    [() => t.resize(0), "whole numbers from 1 on, got 0"],
  ];
  for (const [make, message] of refused) assertThrows(make, RangeError, message);
});

Deno.test("options that do not exist and values of another type are refused when the transform is made", () => {
  const refused: [() => unknown, string][] = [
    [() => t.randomCrop(4, { pading: 1 } as never), "Cannot make randomCrop: there is no option pading, padding is"],
    [() => t.randomCrop({ size: 4 } as never), 'sizes must be whole numbers from 1 on, got {"size":4}'],
    [() => t.randomCrop("4" as never), 'sizes must be whole numbers from 1 on, got "4"'],
    [() => t.randomCrop([4, 5, 6] as never), "sizes must be whole numbers from 1 on, one or two, got [4, 5, 6]"],
    [() => t.centerCrop(null as never), "sizes must be whole numbers from 1 on, got null"],
    [() => t.randomResizedCrop(4, { scales: [0, 1] } as never), "scale is the nearest"],
    [() => t.randomResizedCrop({ size: 4 } as never), 'got {"size":4}'],
    [() => t.resize({ size: 3 } as never), 'got {"size":3}'],
    [() => t.resize(3, { interp: "bilinear" } as never), "interpolation is the nearest"],
    [() => t.randomHorizontalFlip({ p: 1 } as never), 'the probability must be from 0 to 1, is {"p":1}'],
    [() => t.randomHorizontalFlip("0.5" as never), 'the probability must be from 0 to 1, is "0.5"'],
    [() => t.randomRotation({ degrees: 4 } as never), 'degrees must be a number, or two, got {"degrees":4}'],
    [() => t.randomRotation(4, { filll: 0 } as never), "fill is the nearest"],
    [() => t.randomAffine({ degrees: 4, sheer: 1 } as never), "shear is the nearest"],
    [() => t.randomAffine({} as never), "the option degrees is missing"],
    [() => t.colorJitter({ bright: 1 } as never), "brightness is the nearest"],
    [() => t.colorJitter(0.4 as never), "options must be an object such as { brightness: 0.4 }, got 0.4"],
    [() => t.randomErasing({ prob: 1 } as never), "probability is the nearest"],
    [
      () => t.normalize({ mean: [0.5] } as never, 1),
      'mean must be a number, or one for each channel, got {"mean":[0.5]}',
    ],
    [() => t.normalize(0.5, undefined as never), "std must be a number, or one for each channel, got undefined"],
    [() => t.normalize(0.5, [1, 0]), "std must not be 0, got [1, 0]"],
    [() => t.compose(t.toTensor(), 1 as never), "Cannot compose transforms: each must be a function, number 1 is 1"],
  ];
  for (const [make, message] of refused) assertThrows(make, Error, message);
});
