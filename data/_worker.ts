/**
 * What a `DataLoader` starts in a thread: imports the modules of data sets when it is told their addresses.
 *
 * @module
 */
import { serveDatasets } from "./serve_datasets.ts";

serveDatasets((module) => import(module));
