/**
 * Loggers: where metrics go.
 *
 * @module
 */
export { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
export { JSONLLogger, type JSONLLoggerOptions } from "./jsonl_logger.ts";
export type { RunFolderOptions } from "./_run_folder.ts";
export { TensorBoardLogger, type TensorBoardLoggerOptions } from "./tensorboard_logger.ts";
export { WandbLogger, type WandbLoggerOptions } from "./wandb_logger.ts";
