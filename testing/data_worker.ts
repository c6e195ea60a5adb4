/**
 * A worker as users of bundlers write it.
 *
 * @module
 */
import { serveDatasets } from "../data/serve_datasets.ts";
import "./worker_datasets.ts";

serveDatasets();
