/**
 * Loggers: where metrics go.
 *
 * @module
 */
export { CometLogger, type CometLoggerOptions } from "./comet_logger.ts";
export { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
export { FolderLogger } from "./folder_logger.ts";
export { JSONLLogger, type JSONLLoggerOptions } from "./jsonl_logger.ts";
export { MLflowLogger, type MLflowLoggerOptions } from "./mlflow_logger.ts";
export { RemoteLogger, type RemoteLoggerOptions } from "./remote_logger.ts";
export { type ReplayOptions, replaySpool } from "./replay_spool.ts";
export type { RunFolderOptions } from "./_run_folder.ts";
export { TensorBoardLogger, type TensorBoardLoggerOptions } from "./tensorboard_logger.ts";
export { WandbLogger, type WandbLoggerOptions } from "./wandb_logger.ts";
