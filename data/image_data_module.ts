import { checkNames } from "../device/option_names.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HostTensor } from "../tensor/host.ts";
import { type ArrayDataset, type Dataset, randomSplit } from "./dataset.ts";
import { fashionMnist, fashionMnistMean, fashionMnistStd } from "./fashion_mnist.ts";
import { type ImageSet, type ImageSetOptions, type LabelledImages, loadImageSet, prepareImageSet } from "./images.ts";
import { LightningDataModule } from "./lightning_data_module.ts";
import { DataLoader } from "./loader.ts";
import { mnist, mnistMean, mnistStd } from "./mnist.ts";
import type { Stage } from "./protocol.ts";
import { scaleImages } from "./transforms/scale_images.ts";

/** What the steps receive: images [N, 1, 28, 28] as f32, scaled to mean 0 and deviation 1, and classes [N] as i32. */
export type ImageBatch = {
  /** Scaled images. */
  image: Tensor;
  /** Classes from 0 on. */
  label: Tensor;
};

/** A batch on the host, before it is moved to the device. */
export type HostImageBatch = {
  /** Scaled images. */
  readonly image: HostTensor<"f32">;
  /** Classes from 0 on. */
  readonly label: HostTensor<"i32">;
};

/** How an image data module makes its batches. */
export interface ImageDataModuleOptions extends ImageSetOptions {
  /** Images in a batch; default 64. */
  batchSize?: number;
  /** Images in a batch of validation and test; default four times `batchSize`. */
  evalBatchSize?: number;
  /** Training images that are held back for validation; default 0: then the test images validate. */
  valSize?: number;
  /** What the split and the order of training depend on; default: 0 for the split, the global seed for the order. */
  seed?: number;
}

/** Loaders of images in classes: what the data modules of MNIST and its like are made of. */
export class ImageDataModule extends LightningDataModule<ImageBatch> {
  readonly #set: ImageSet;
  readonly #scale: { mean: number; std: number };
  readonly #options: ImageDataModuleOptions;
  readonly #batchSize: number;
  #train: ArrayDataset<LabelledImages> | null = null;
  #test: ArrayDataset<LabelledImages> | null = null;

  /**
   * Loads nothing yet.
   *
   * @param set The files
   * @param scale Mean and standard deviation of the pixels (from 0 to 1), which become 0 and 1
   * @param options Batch sizes, split, seed and folder
   */
  constructor(set: ImageSet, scale: { mean: number; std: number }, options: ImageDataModuleOptions) {
    super();
    checkNames(`make ${this.constructor.name}`, options, {
      batchSize: true,
      evalBatchSize: true,
      valSize: true,
      seed: true,
      dataDir: true,
      sources: true,
      report: true,
    });
    this.#set = set;
    this.#scale = scale;
    this.#options = options;
    this.#batchSize = options.batchSize ?? 64;
  }

  /** Fetches the files, unless they are there. */
  override async prepareData(): Promise<void> {
    await prepareImageSet(this.#set, this.#options);
  }

  /** Reads the images that an entry point needs. */
  override async setup(stage: Stage): Promise<void> {
    const isHeldBack = Boolean(this.#options.valSize), validates = stage === "fit" || stage === "validate";
    if (stage === "fit" || (validates && isHeldBack)) {
      this.#train ??= await loadImageSet(this.#set, "train", this.#options);
    }
    if (!validates || !isHeldBack) this.#test ??= await loadImageSet(this.#set, "test", this.#options);
  }

  /** Training images, shuffled anew each epoch. */
  override trainDataloader(): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
    return this.#loader(this.#split()[0], { shuffle: true });
  }

  /** The images held back, or the test images where none are. */
  override valDataloader(): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
    return this.#options.valSize ? this.#loader(this.#split()[1], {}) : this.testDataloader();
  }

  /** Test images, in their order. */
  override testDataloader(): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
    return this.#loader(loaded(this.#test), {});
  }

  /** Test images, in their order. */
  override predictDataloader(): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
    return this.testDataloader();
  }

  #split(): readonly Dataset<LabelledImages, LabelledImages>[] {
    const all = loaded(this.#train);
    const { valSize = 0, seed = 0 } = this.#options;
    return valSize === 0 ? [all] : randomSplit(all, [all.length - valSize, valSize], { seed });
  }

  #loader(
    dataset: Dataset<LabelledImages, LabelledImages>,
    { shuffle = false }: { shuffle?: boolean },
  ): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
    return new DataLoader<LabelledImages, LabelledImages, HostImageBatch>(dataset, {
      batchSize: shuffle ? this.#batchSize : this.#options.evalBatchSize ?? 4 * this.#batchSize,
      shuffle,
      seed: this.#options.seed,
      transform: ({ image, label }, at) => ({ image: scaleImages(image, { ...this.#scale, at }), label }),
    });
  }
}

function loaded<T>(dataset: T | null): T {
  if (dataset === null) throw new Error("Cannot make a loader: the data is not loaded, call setup first");
  return dataset;
}

/**
 * The 70,000 handwritten digits of MNIST, 28×28, in ten classes: 60,000 to train on, 10,000 to test. The files come
 * from the cache folder, from public mirrors, or from packages, checked by their SHA-256.
 *
 * @example
 * ```ts
 * import { MnistDataModule } from "@fulgurite/core/data";
 *
 * const data = new MnistDataModule({ batchSize: 128, valSize: 5000, seed: 1 });
 * console.log(typeof data.trainDataloader); // "function"
 * ```
 */
export class MnistDataModule extends ImageDataModule {
  /**
   * Loads nothing yet.
   *
   * @param options Batch sizes, split, seed and folder
   */
  constructor(options: ImageDataModuleOptions = {}) {
    super(mnist, { mean: mnistMean, std: mnistStd }, options);
  }
}

/**
 * The 70,000 pictures of clothes of Fashion-MNIST, in the form of MNIST.
 *
 * @example
 * ```ts
 * import { FashionMnistDataModule } from "@fulgurite/core/data";
 *
 * const data = new FashionMnistDataModule({ batchSize: 128 });
 * console.log(typeof data.testDataloader); // "function"
 * ```
 */
export class FashionMnistDataModule extends ImageDataModule {
  /**
   * Loads nothing yet.
   *
   * @param options Batch sizes, split, seed and folder
   */
  constructor(options: ImageDataModuleOptions = {}) {
    super(fashionMnist, { mean: fashionMnistMean, std: fashionMnistStd }, options);
  }
}
