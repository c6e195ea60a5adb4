/**
 * Data: sets, samplers, the loader that makes batches, and data modules.
 *
 * @module
 */
import "../autograd/methods.ts";
export { collate, type Collated } from "./collate.ts";
export { ConcatDataset } from "./concat_dataset.ts";
export {
  ArrayDataset,
  type Dataset,
  type HostFields,
  type IterableDataset,
  randomSplit,
  type RecordDataset,
  Subset,
} from "./dataset.ts";
export { type AnyDefined, type DatasetFactory, defineDataset } from "./define_dataset.ts";
export {
  type DataFile,
  type DataFiles,
  type DataSource,
  type DeliveredFile,
  mirror,
  type MirrorOptions,
  prepareFiles,
} from "./download.ts";
export { DataError, WorkerError } from "./errors.ts";
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
export { ImageFolder, type ImageFolderOptions } from "./image_folder.ts";
export { type Hyperparameters, HyperparameterStore, type SaveHyperparametersOptions } from "./hyperparameters.ts";
export { type ImageSet, type ImageSetOptions, type LabelledImages, labelledImages, type Split } from "./images.ts";
export { type IdxTensor, parseIdx, readIdx } from "./idx.ts";
export { type DataModuleTrainer, LightningDataModule } from "./lightning_data_module.ts";
export { type AnyDataset, DataLoader, type DataLoaderState } from "./loader.ts";
export { type DataLoaderOptions } from "./loader_options.ts";
export { loadMnist, mnist, mnistMean, mnistStd, prepareMnist } from "./mnist.ts";
export { debianPackage, npmPackage } from "./packages.ts";
export type { Awaitable, Loader, Loaders, Stage, StateDict } from "./protocol.ts";
export { ReadContext } from "./read_context.ts";
export { DistributedSampler, SubsetRandomSampler, WeightedRandomSampler } from "./random_samplers.ts";
export { BatchSampler, type BatchSource, RandomSampler, type Sampler, SequentialSampler } from "./sampler.ts";
export { serveDatasets } from "./serve_datasets.ts";
export { scaleImages } from "./transforms/scale_images.ts";
export { CombinedLoader, type CombinedLoaderState, type CombinedMode, type LoaderGroup } from "./combined_loader.ts";
export * from "./readers/mod.ts";
export type { ForeignWorker } from "../platform/mod.ts";
