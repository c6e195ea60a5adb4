import { checkNames } from "../device/option_names.ts";
import { joinPath, listDir, stat } from "../platform/mod.ts";
import type { HostTensor } from "../tensor/host.ts";
import { checkIndex, type Dataset } from "./dataset.ts";
import { DataError } from "./errors.ts";
import type { ReadContext } from "./read_context.ts";
import { type ImageOptions, readImage } from "./readers/image.ts";
import type { RandomSource } from "./transforms/compose.ts";

/**
 * How the images of a folder are read.
 *
 * @typeParam T What an image becomes
 */
export interface ImageFolderOptions<T> extends ImageOptions {
  /** What is done with each image; its random numbers belong to the sample. Default: nothing. */
  transform?: (image: HostTensor<"u8">, random: RandomSource) => T;
}

/**
 * Images in one folder for each class, as torchvision's `ImageFolder`: the names of the folders, sorted, are the classes.
 *
 * Read are the `.png`, `.jpg` and `.jpeg` files that lie in them, sorted, with three channels unless `mode` says
 * otherwise. A label becomes `i32` in a batch. For workers, open it within `defineDataset`.
 *
 * @typeParam T What an image becomes
 *
 * @example
 * ```ts ignore
 * import { DataLoader, defineDataset, ImageFolder, WeightedRandomSampler } from "@fulgurite/core/data";
 * import { compose, randomResizedCrop, toTensor } from "@fulgurite/core/transforms";
 *
 * // pets.ts
 * const transform = compose(randomResizedCrop(64), toTensor());
 * export const pets = defineDataset(import.meta.url, "pets", (root: string) => ImageFolder.open(root, { transform }));
 *
 * // train.ts
 * const data = await pets("pets/train"); // pets/train/cat/1.png, pets/train/dog/1.jpg, …
 * console.log(data.classes); // ["cat", "dog"]
 * const weights = data.labels.map((label) => 1 / data.labels.filter((other) => other === label).length);
 * const loader = new DataLoader(data, { batchSize: 32, sampler: new WeightedRandomSampler(weights), numWorkers: 2 });
 * ```
 */
export class ImageFolder<T = HostTensor<"u8">> implements Dataset<{ image: T; label: bigint }> {
  /** The names of the classes; a label is a place among them. */
  readonly classes: readonly string[];
  /** The files, by sample. */
  readonly paths: readonly string[];
  /** The labels, by sample. */
  readonly labels: readonly number[];
  readonly #options: ImageOptions;
  readonly #transform: (image: HostTensor<"u8">, random: RandomSource) => T;

  private constructor(
    classes: readonly string[],
    samples: readonly { path: string; label: number }[],
    options: ImageOptions,
    transform: (image: HostTensor<"u8">, random: RandomSource) => T,
  ) {
    this.classes = classes;
    this.paths = samples.map(({ path }) => path);
    this.labels = samples.map(({ label }) => label);
    this.#options = options;
    this.#transform = transform;
  }

  /**
   * Looks for the classes and their files; images are read when their samples are.
   *
   * @param root The folder that holds one for each class
   * @param options `transform`: what is done with an image; `mode`: channels (default `"rgb"`); `limit`: the most pixels
   * @throws {DataError} if there is no class, or one without an image
   * @throws {FileError} if the folder cannot be read
   */
  static async open(root: string, options?: ImageFolderOptions<HostTensor<"u8">>): Promise<ImageFolder>;
  /** With images that are changed as they are read. */
  static async open<T>(
    root: string,
    options: ImageFolderOptions<T> & Required<Pick<ImageFolderOptions<T>, "transform">>,
  ): Promise<ImageFolder<T>>;
  static async open(root: string, options: ImageFolderOptions<unknown> = {}): Promise<ImageFolder<unknown>> {
    checkNames<ImageFolderOptions<unknown>>("open an ImageFolder", options, {
      transform: true,
      mode: true,
      limit: true,
    });
    const { transform = (image: HostTensor<"u8">) => image, mode = "rgb", limit } = options;
    const refuse = (rule: string) => new DataError(root, `Cannot open ImageFolder ${root}: ${rule}`);
    const entries = await Promise.all(
      (await listDir(root)).map(async (name) => ({ name, folder: (await stat(joinPath(root, name))).isDirectory })),
    );
    const classes = entries.filter(({ folder }) => folder).map(({ name }) => name);
    if (classes.length === 0) throw refuse("it must hold a folder for each class, it holds none");
    const samples = await Promise.all(classes.map(async (name, label) => {
      const files = (await listDir(joinPath(root, name))).filter((file) => /\.(png|jpe?g)$/i.test(file));
      if (files.length === 0) throw refuse(`each class must have .png, .jpg or .jpeg files, ${name} has none`);
      return files.map((file) => ({ path: joinPath(root, name, file), label }));
    }));
    return new ImageFolder(classes, samples.flat(), { mode, limit }, transform);
  }

  /** How many images there are. */
  get length(): number {
    return this.paths.length;
  }

  /**
   * Reads an image.
   *
   * @throws {RangeError} if there is no such sample
   */
  async get(index: number, at: ReadContext): Promise<{ image: T; label: bigint }> {
    checkIndex("ImageFolder", index, this.length);
    const image = await readImage(this.paths[index], this.#options);
    return { image: this.#transform(image, at.random(index)), label: BigInt(this.labels[index]) };
  }
}
