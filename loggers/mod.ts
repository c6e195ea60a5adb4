/**
 * Loggers: where metrics go.
 *
 * @module
 */
export { CSVLogger, type CSVLoggerOptions } from "./csv_logger.ts";
