import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileError } from "../platform/mod.ts";
import { pictures } from "../testing/worker_datasets.ts";
import { DataError } from "./errors.ts";
import { ImageFolder } from "./image_folder.ts";
import { DataLoader } from "./loader.ts";
import { ReadContext } from "./read_context.ts";
import { toTensor } from "./transforms/mod.ts";

/** A folder with two images of Pillow's in `cat`, three in `dog`, and other files beside them. */
async function pets(): Promise<string> {
  const root = await Deno.makeTempDir();
  const fixture = new URL("../tests/fixtures/data/rgb.png", import.meta.url);
  for (const name of ["cat/1.png", "cat/2.PNG", "dog/b.png", "dog/a.png", "dog/c.png"]) {
    await Deno.mkdir(`${root}/${name.split("/")[0]}`, { recursive: true });
    await Deno.copyFile(fixture, `${root}/${name}`);
  }
  await Deno.writeTextFile(`${root}/labels.csv`, "none");
  await Deno.writeTextFile(`${root}/cat/notes.txt`, "none");
  return root;
}

Deno.test("the folders of a folder are the classes of the images in them", async () => {
  const root = await pets();
  const data = await ImageFolder.open(root);
  assertEquals([data.classes, data.labels, data.length], [["cat", "dog"], [0, 0, 1, 1, 1], 5]);
  assertEquals(data.paths.map((path) => path.slice(root.length + 1).replaceAll("\\", "/")), [
    ...["cat/1.png", "cat/2.PNG", "dog/a.png", "dog/b.png", "dog/c.png"],
  ]);
  const { image, label } = await data.get(3, new ReadContext());
  assertEquals([image.dtype, image.shape[0], label], ["u8", 3, 1n]);
  const gray = await ImageFolder.open(root, { mode: "gray", transform: toTensor() });
  const [batch] = await Array.fromAsync(new DataLoader(gray, { batchSize: 5 }));
  assertEquals([batch.image.dtype, batch.image.shape.slice(0, 2), [...batch.label.data]], [
    ...["f32", [5, 1], [0, 0, 1, 1, 1]],
  ]);
  await assertRejects(async () => await data.get(5, new ReadContext()), RangeError, "from 0 to 4, is 5");
  await Deno.remove(root, { recursive: true });
});

Deno.test("workers read the same images, with the same random numbers", async () => {
  const root = await pets(), data = await pictures(root);
  const read = async (numWorkers: number) => {
    await using loader = new DataLoader(data, { batchSize: 2, shuffle: true, seed: 3, numWorkers });
    return (await Array.fromAsync(loader)).map(({ image, label }) => [...image.data, ...label.data].join());
  };
  const here = await read(0);
  assertEquals([here.length, await read(1)], [3, here]);
  assert(new Set(here).size > 1);
  await Deno.remove(root, { recursive: true });
});

Deno.test("a folder without classes, and a class without images, are named", async () => {
  const root = await Deno.makeTempDir();
  await assertRejects(() => ImageFolder.open(root), DataError, "a folder for each class, it holds none");
  await Deno.mkdir(`${root}/cat`);
  await assertRejects(() => ImageFolder.open(root), DataError, "files, cat has none");
  await assertRejects(() => ImageFolder.open(`${root}/absent`), FileError, "absent");
  await assertRejects(() => ImageFolder.open(root, { modes: "rgb" } as never), TypeError, "there is no option modes");
  await Deno.remove(root, { recursive: true });
});
