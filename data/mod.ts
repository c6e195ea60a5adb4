/**
 * Data: sets, samplers, the loader that makes batches, and data modules.
 *
 * @module
 */
import "../autograd/methods.ts";
export { collate, type Collated } from "./collate.ts";
export { ArrayDataset, type Dataset, type HostFields, type IterableDataset, randomSplit, Subset } from "./dataset.ts";
export {
  type DataFile,
  type DataFiles,
  type DataSource,
  type DeliveredFile,
  mirror,
  type MirrorOptions,
  prepareFiles,
} from "./download.ts";
export { DataError } from "./errors.ts";
export {
  fashionMnist,
  fashionMnistClasses,
  fashionMnistMean,
  fashionMnistStd,
  loadFashionMnist,
  prepareFashionMnist,
} from "./fashion_mnist.ts";
export {
  FashionMnistDataModule,
  type HostImageBatch,
  type ImageBatch,
  ImageDataModule,
  type ImageDataModuleOptions,
  MnistDataModule,
} from "./image_data_module.ts";
export { type ImageSet, type ImageSetOptions, type LabelledImages, labelledImages, type Split } from "./images.ts";
export { type IdxTensor, parseIdx, readIdx } from "./idx.ts";
export { type DataModuleTrainer, LightningDataModule } from "./lightning_data_module.ts";
export { type AnyDataset, DataLoader, type DataLoaderOptions, type DataLoaderState } from "./loader.ts";
export { loadMnist, mnist, mnistMean, mnistStd, prepareMnist } from "./mnist.ts";
export { debianPackage, npmPackage } from "./packages.ts";
export type { Awaitable, Loader, Loaders, Stage, StateDict } from "./protocol.ts";
export { BatchSampler, type BatchSource, RandomSampler, type Sampler, SequentialSampler } from "./sampler.ts";
export { scaleImages } from "./transforms.ts";
export { CombinedLoader, type CombinedMode, type LoaderGroup } from "./combined_loader.ts";
