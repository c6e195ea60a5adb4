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
import { debianPackage } from "./packages.ts";

/**
 * Fashion-MNIST: 60,000 and 10,000 pictures of clothing of 28 × 28 (Xiao, Rasul, Vollgraf 2017), in IDX files.
 *
 * Sizes and SHA-256 are those of the decompressed files, which are the same wherever they come from.
 */
export const fashionMnist: ImageSet = {
  title: "Fashion-MNIST",
  folder: "fashion-mnist",
  splits: {
    train: {
      images: {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
      },
      labels: {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
      },
    },
    test: {
      images: {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
      },
      labels: {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
      },
    },
  },
  sources: [
    // The authors' own addresses; the first has no https, but nothing is believed without its SHA-256.
    mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    mirror("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"),
    debianPackage({ name: "dataset-fashion-mnist", folder: "usr/share/datasets/fashion-mnist" }),
  ],
};

/** Mean of the training images' pixels, scaled to 0 … 1. */
export const fashionMnistMean: number = 0.286;

/** Standard deviation of the training images' pixels, scaled to 0 … 1. */
export const fashionMnistStd: number = 0.353;

/** What the labels 0 … 9 stand for. */
export const fashionMnistClasses: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/**
 * Makes sure that Fashion-MNIST is on the disk: taken from the cache, else from a public mirror, else from the Debian
 * package `dataset-fashion-mnist`.
 *
 * @returns The folder that holds the files
 * @throws {DataError} naming a damaged file, or every source that was tried and why it failed
 *
 * @example
 * ```ts ignore
 * import { prepareFashionMnist } from "@fulgurite/core/data";
 *
 * console.log(await prepareFashionMnist({ dataDir: "data" })); // data/fashion-mnist
 * ```
 */
export async function prepareFashionMnist(options: ImageSetOptions = {}): Promise<string> {
  return await prepareImageSet(fashionMnist, options);
}

/**
 * Reads a part of Fashion-MNIST from the disk: `image` u8 [N, 1, 28, 28], `label` i32 [N].
 *
 * @throws {DataError} naming the file that is damaged or cut off
 * @throws {FileError} if a file cannot be read, for example before `prepareFashionMnist`
 *
 * @example
 * ```ts ignore
 * import { fashionMnistClasses, loadFashionMnist, prepareFashionMnist } from "@fulgurite/core/data";
 *
 * await prepareFashionMnist();
 * const { label } = (await loadFashionMnist("test")).get(0);
 * console.log(fashionMnistClasses[label.data[0]]); // Ankle boot
 * ```
 */
export async function loadFashionMnist(
  split: Split,
  options: ImageSetOptions = {},
): Promise<ArrayDataset<LabelledImages>> {
  return await loadImageSet(fashionMnist, split, options);
}
