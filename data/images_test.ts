import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { copyFile, FileError, joinPath, makeDir, makeTempDir, readFile, remove, writeFile } from "../platform/mod.ts";
import { ShapeError } from "../tensor/errors.ts";
import { DataError } from "./errors.ts";
import {
  fashionMnist,
  fashionMnistClasses,
  fashionMnistMean,
  fashionMnistStd,
  loadFashionMnist,
  prepareFashionMnist,
} from "./fashion_mnist.ts";
import { type LabelledImages, labelledImages } from "./images.ts";
import { MnistDataModule } from "./image_data_module.ts";
import { loadMnist, mnist, mnistMean, mnistStd, prepareMnist } from "./mnist.ts";
import type { ArrayDataset } from "./dataset.ts";

function countLabels({ fields }: ArrayDataset<LabelledImages>): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of fields.label.data) counts[label]++;
  return counts;
}

function moments({ fields }: ArrayDataset<LabelledImages>): [mean: string, std: string] {
  const histogram = new Array<number>(256).fill(0);
  for (const byte of fields.image.data) histogram[byte]++;
  const total = fields.image.data.length;
  const mean = histogram.reduce((sum, count, byte) => sum + count * byte / 255, 0) / total;
  const square = histogram.reduce((sum, count, byte) => sum + count * (byte / 255) ** 2, 0) / total;
  return [mean.toFixed(4), Math.sqrt(square - mean ** 2).toFixed(4)];
}

Deno.test("MNIST is complete: sizes, label counts, first digits, mean and deviation", async () => {
  await prepareMnist();
  const train = await loadMnist("train");
  const test = await loadMnist("test");
  assertEquals([train.fields.image.shape, train.fields.label.shape], [[60000, 1, 28, 28], [60000]]);
  assertEquals([test.fields.image.shape, test.fields.label.shape], [[10000, 1, 28, 28], [10000]]);
  assertEquals(countLabels(train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  assertEquals(countLabels(test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  assertEquals([...train.fields.label.data.subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  assertEquals([...test.fields.label.data.subarray(0, 10)], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  assertEquals(moments(train), [mnistMean.toFixed(4), mnistStd.toFixed(4)]);
  const { image, label } = train.get(1);
  assertEquals([image.shape, label.shape, label.data[0]], [[1, 28, 28], [], 0]);
  assertEquals(image.data[4 * 28 + 15], 51, "the first ink of the first zero");
});

Deno.test("Fashion-MNIST is complete: sizes, label counts, first classes, mean and deviation", async () => {
  await prepareFashionMnist();
  const train = await loadFashionMnist("train");
  const test = await loadFashionMnist("test");
  assertEquals(countLabels(train), new Array(10).fill(6000));
  assertEquals(countLabels(test), new Array(10).fill(1000));
  assertEquals([...train.fields.label.data.subarray(0, 10)], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
  assertEquals(fashionMnistClasses[test.fields.label.data[0]], "Ankle boot");
  assertEquals(moments(train), [fashionMnistMean.toFixed(4), fashionMnistStd.toFixed(4)]);
});

Deno.test("a data module of images has what each entry point asks for, in a process of its own, too", async () => {
  await prepareMnist();
  const loaders = {
    fit: ["trainDataloader", "valDataloader"],
    validate: ["valDataloader"],
    test: ["testDataloader"],
    predict: ["predictDataloader"],
  } as const;
  const images = async (valSize: number, stage: keyof typeof loaders) => {
    const data = new MnistDataModule({ valSize, batchSize: 1000, evalBatchSize: 1000 });
    await data.setup(stage);
    return loaders[stage].map((name) => 1000 * data[name]().length);
  };
  const stages = Object.keys(loaders) as (keyof typeof loaders)[];
  assertEquals(await Promise.all(stages.map((stage) => images(0, stage))), [[60000, 10000], [10000], [10000], [10000]]);
  assertEquals(await Promise.all(stages.map((stage) => images(5000, stage))), [[55000, 5000], [5000], [10000], [
    10000,
  ]]);
});

Deno.test("the two sets differ in every file, and each part's files in theirs", () => {
  const sums = [mnist, fashionMnist].flatMap(({ splits: { train, test } }) =>
    [train.images, train.labels, test.images, test.labels].map((file) => file.sha256)
  );
  assertEquals(new Set(sums).size, 8);
});

Deno.test("a corrupt, short or missing file of MNIST is an error that names it", async () => {
  const whole = await prepareMnist();
  const dataDir = await makeTempDir();
  try {
    const folder = joinPath(dataDir, "mnist");
    await makeDir(folder);
    const { images, labels } = mnist.splits.test;
    for (const { name } of [images, labels, mnist.splits.train.labels]) {
      await copyFile(joinPath(whole, name), joinPath(folder, name));
    }
    assertEquals((await loadMnist("test", { dataDir })).length, 10000);

    await assertRejects(() => loadMnist("train", { dataDir }), FileError, joinPath(folder, "train-images-idx3-ubyte"));
    await assertRejects(
      () => prepareMnist({ dataDir, sources: [], report: () => {} }),
      DataError,
      "a source must deliver train-images-idx3-ubyte, 0 were tried",
    );

    const path = joinPath(folder, labels.name);
    const content = await readFile(path);
    await writeFile(path, content.subarray(0, 9000));
    for (const use of [() => loadMnist("test", { dataDir }), () => prepareMnist({ dataDir })]) {
      await assertRejects(use, DataError, `Cannot use MNIST file ${path}: its size must be 10008 bytes, it is 9000`);
    }
    content[9] = 77;
    await writeFile(path, content);
    await assertRejects(
      () => prepareMnist({ dataDir }),
      DataError,
      `Cannot use MNIST file ${path}: its SHA-256 must be`,
    );
    await assertRejects(
      () => loadMnist("test", { dataDir }),
      DataError,
      `${path}: labels must be below 10, label 1 is 77`,
    );
    content[3] = 2;
    await writeFile(path, content);
    await assertRejects(() => loadMnist("test", { dataDir }), DataError, `Cannot read IDX file ${path}`);

    const packed = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
    const torn = new Uint8Array(await new Response(packed).arrayBuffer()).subarray(0, 1000);
    await remove(path);
    await writeFile(`${path}.gz`, torn);
    for (const use of [() => loadMnist("test", { dataDir }), () => prepareMnist({ dataDir })]) {
      await assertRejects(use, DataError, `Cannot decompress ${path}.gz`);
    }
  } finally {
    await remove(dataDir, { recursive: true });
  }
});

Deno.test("labelledImages refuses files that do not belong together", () => {
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 9);
  const names = ["i", "l"] as const;
  const data = labelledImages(images, labels, { names });
  assertEquals([data.length, ...data.get(1).image.data, ...data.get(1).label.data], [2, 6, 9]);
  const one = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 1);
  assertThrows(() => labelledImages(images, one, { names }), ShapeError, "i has 2 and l 1");
  const swapped = assertThrows(() => labelledImages(labels, images, { names }), DataError);
  assertStringIncludes(
    swapped.message,
    "Cannot use IDX file i: it must hold unsigned bytes on 3 axes, it holds u8 [2]",
  );
  assertThrows(() => labelledImages(images, labels, { names, classes: 9 }), DataError, "label 1 is 9");
  const ints = Uint8Array.of(0, 0, 12, 1, 0, 0, 0, 1, 0, 0, 0, 1);
  assertThrows(() => labelledImages(images, ints, { names }), DataError, "it holds i32 [1]");
});
