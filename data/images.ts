import { cacheDir, exists, joinPath, readFile } from "../platform/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { ArrayDataset } from "./dataset.ts";
import { type DataFile, type DataSource, prepareFiles } from "./download.ts";
import { DataError } from "./errors.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { parseIdx } from "./idx.ts";

/**
 * Images and their classes: as a sample `image` is [channels, height, width] and `label` []; a batch has an axis more.
 */
export type LabelledImages = {
  /** Bytes from 0 (black) to 255. */
  readonly image: HostTensor<"u8">;
  /** The class, from 0 on. */
  readonly label: HostTensor<"i32">;
};

/** The part of a data set that is trained on, or the one that it is tested on. */
export type Split = "train" | "test";

/** Where a data set is kept and what is told about it. */
export interface ImageSetOptions {
  /** The folder that the data set has its own folder in (default: `data` in the cache folder). */
  dataDir?: string;
  /** Where the files can be had, in the order in which it is tried (default: the data set's own list). */
  sources?: readonly DataSource[];
  /** Takes the line that says where files come from; standard error by default. */
  report?: (line: string) => void;
}

/** A data set in the four files of MNIST. */
export interface ImageSet {
  /** Its name, for messages. */
  readonly title: string;
  /** Its folder in the data folder. */
  readonly folder: string;
  /** Images and labels of each part. */
  readonly splits: Readonly<Record<Split, { readonly images: DataFile; readonly labels: DataFile }>>;
  /** Where the files can be had. */
  readonly sources: readonly DataSource[];
}

/** The folder of a data set. */
function folderOf(set: ImageSet, options: ImageSetOptions): string {
  return joinPath(options.dataDir ?? joinPath(cacheDir(), "data"), set.folder);
}

/**
 * Makes sure that all files of a data set are on the disk, whole.
 *
 * @returns The folder that holds them
 * @throws {DataError} naming a damaged file, or every source that was tried and why it failed
 */
export async function prepareImageSet(set: ImageSet, options: ImageSetOptions = {}): Promise<string> {
  const { train, test } = set.splits;
  const folder = folderOf(set, options);
  await prepareFiles({
    title: set.title,
    folder,
    files: [train.images, train.labels, test.images, test.labels],
    sources: options.sources ?? set.sources,
    report: options.report,
  });
  return folder;
}

/**
 * Reads a part of a data set from the disk, where {@link prepareImageSet} has put it.
 *
 * @throws {DataError} naming the file that is damaged, cut off, or does not hold what it should
 * @throws {FileError} if a file cannot be read
 */
export async function loadImageSet(
  set: ImageSet,
  split: Split,
  options: ImageSetOptions = {},
): Promise<ArrayDataset<LabelledImages>> {
  const folder = folderOf(set, options);
  const { images, labels } = set.splits[split];
  const read = async (file: DataFile) => {
    const path = joinPath(folder, file.name);
    const found = await exists(path) ? path : `${path}.gz`;
    const bytes = await readFile(await exists(found) ? found : path, { task: `load ${set.title}` });
    const content = isGzip(bytes) ? await gunzip(bytes, found, file.bytes) : bytes;
    if (content.length !== file.bytes) {
      const rule = `its size must be ${file.bytes} bytes, it is ${content.length}`;
      throw new DataError(
        found,
        `Cannot use ${set.title} file ${found}: ${rule}; remove it and prepare the data again`,
      );
    }
    return { path: found, content };
  };
  const image = await read(images);
  const label = await read(labels);
  return labelledImages(image.content, label.content, { names: [image.path, label.path] });
}

/**
 * Joins an IDX file of images and one of labels, both as MNIST has them, into a data set. In a browser, which has no
 * files, this makes the data set of what `fetch` brought.
 *
 * @param images Decompressed IDX of unsigned bytes, [N, height, width]
 * @param labels Decompressed IDX of unsigned bytes, [N]
 * @param options `names` that errors call the files; `classes`, how many there are (default 10)
 * @throws {DataError} naming the file that does not hold what it should
 * @throws {ShapeError} if there are not as many labels as images
 *
 * @example
 * ```ts
 * import { labelledImages } from "@fulgurite/core/data";
 *
 * const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9, 255);
 * const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7);
 * const { image, label } = labelledImages(images, labels).get(0);
 * console.assert(image.shape.join() === "1,1,2" && label.data[0] === 7);
 * ```
 */
export function labelledImages(
  images: Uint8Array<ArrayBuffer>,
  labels: Uint8Array<ArrayBuffer>,
  options: { names?: readonly [images: string, labels: string]; classes?: number } = {},
): ArrayDataset<LabelledImages> {
  const { names = ["<images>", "<labels>"], classes = 10 } = options;
  const parse = (bytes: Uint8Array<ArrayBuffer>, file: string, rank: number) => {
    const tensor = parseIdx(bytes, file);
    if (tensor.dtype === "u8" && tensor.shape.length === rank) return tensor;
    throw new DataError(
      file,
      `Cannot use IDX file ${file}: it must hold unsigned bytes on ${rank} axes, it holds ${tensor.dtype} ` +
        showShape(tensor.shape),
    );
  };
  const pixels = parse(images, names[0], 3);
  const digits = parse(labels, names[1], 1);
  const [count, height, width] = pixels.shape;
  if (digits.shape[0] !== count) {
    throw new ShapeError(
      "labelledImages",
      `Cannot join images and labels in labelledImages: there must be as many of both, ${names[0]} has ${count} and ` +
        `${names[1]} ${digits.shape[0]}`,
      [pixels.shape, digits.shape],
    );
  }
  const odd = digits.data.findIndex((label) => label >= classes);
  if (odd >= 0) {
    throw new DataError(
      names[1],
      `Cannot use IDX file ${names[1]}: labels must be below ${classes}, label ${odd} is ${digits.data[odd]}`,
    );
  }
  return new ArrayDataset<LabelledImages>({
    image: hostTensor(pixels.data, { dtype: "u8", shape: [count, 1, height, width] }),
    label: hostTensor(Int32Array.from(digits.data), { dtype: "i32" }),
  });
}
