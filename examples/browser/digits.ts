/** MNIST as a page gets it: fetched from the server that the page came from. */
import {
  type ArrayDataset,
  DataLoader,
  type HostImageBatch,
  type LabelledImages,
  labelledImages,
  mnistMean,
  mnistStd,
  scaleImages,
} from "../../data/mod.ts";

/** Fetches the images and labels to train on, or those to test on. */
export async function fetchDigits(part: "train" | "test", base: string): Promise<ArrayDataset<LabelledImages>> {
  const prefix = part === "train" ? "train" : "t10k";
  const names = [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`] as const;
  const [images, labels] = await Promise.all(names.map(async (name) => {
    const response = await fetch(new URL(`data/${name}`, base));
    if (!response.ok) throw new Error(`Cannot fetch ${name}: the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }));
  return labelledImages(images, labels, { names });
}

/** Images as the network takes them. */
export function scaled(images: LabelledImages["image"]): HostImageBatch["image"] {
  return scaleImages(images, { mean: mnistMean, std: mnistStd });
}

/** Batches of a set, shuffled by seed and epoch if wanted. */
export function loaderOf(
  set: ArrayDataset<LabelledImages>,
  options: { batchSize: number; shuffle?: boolean },
): DataLoader<LabelledImages, LabelledImages, HostImageBatch> {
  return new DataLoader<LabelledImages, LabelledImages, HostImageBatch>(set, {
    ...options,
    seed: 0,
    transform: ({ image, label }) => ({ image: scaled(image), label }),
  });
}
