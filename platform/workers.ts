/**
 * Threads: how a module is started in one, and how the two sides talk.
 *
 * Deno and Node have `node:worker_threads`, whose workers tell when they end, however they end, and need not keep the
 * process alive; Deno's own Web Workers do neither. Browsers have Web Workers.
 *
 * @module
 */
import { hostProcess, nodeModule } from "./runtime.ts";

/** A thread, as the one who started it sees it. */
export interface WorkerThread {
  /** Sends a message; the buffers named in `transfer` move over and are empty here afterwards. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Ends the thread, whatever it is doing. */
  terminate(): Promise<void>;
  /** Whether the thread keeps the process alive; it does from the start. Browsers have no such thing. */
  keepAlive(alive: boolean): void;
}

/** What a thread tells by itself. */
export interface WorkerEvents {
  /** It sent a message. */
  onMessage(message: unknown): void;
  /**
   * It ended, or will send nothing any more: with what it threw, or with the reason in words. Not told after
   * `terminate`.
   */
  onEnd(cause: unknown): void;
}

/** A worker that somebody else started: a browser's `Worker`, or one of `node:worker_threads`. */
export interface ForeignWorker {
  /** Sends a message. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  /** Ends it. */
  terminate(): unknown;
}

type NodeWorker = import("node:worker_threads").Worker;

/**
 * Starts a module in a thread of its own, or takes over a thread that the caller started.
 *
 * @param from The module's address, or a worker
 * @param events Who hears what it tells
 * @throws {Error} Where the host has no threads
 */
export function startWorker(from: URL | ForeignWorker, events: WorkerEvents): WorkerThread {
  let over = false;
  const end = (cause: unknown) => {
    if (over) return;
    over = true;
    events.onEnd(cause);
  };
  const message = (data: unknown) => over || events.onMessage(data);
  const worker = from instanceof URL ? newWorker(from) : from;
  if (isNodeWorker(worker)) {
    worker.on("message", message);
    worker.on("messageerror", end);
    worker.on("error", end);
    worker.on("exit", (code) => end(`it exited with code ${code}`));
  } else {
    const web = worker as Worker;
    web.onmessage = ({ data }) => message(data);
    web.onmessageerror = () => end("a message could not be read");
    web.onerror = (event) => {
      event.preventDefault?.();
      // An event without a message is about the module itself.
      const where = from instanceof URL
        ? ` from ${from}; where a bundler has put it elsewhere, pass the option worker`
        : "";
      end(event.error ?? (event.message || `its module cannot be loaded${where}`));
    };
  }
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    async terminate() {
      over = true;
      await worker.terminate();
    },
    keepAlive(alive) {
      if (isNodeWorker(worker)) worker[alive ? "ref" : "unref"]();
    },
  };
}

function newWorker(address: URL): ForeignWorker {
  if (hostProcess) {
    const { Worker } = nodeModule("worker_threads", "start a thread in startWorker");
    return new Worker(address) as unknown as ForeignWorker; // its transfer list may hold more than buffers
  }
  if (typeof Worker === "undefined") throw new Error("Cannot start a thread in startWorker: this host has no workers");
  return new Worker(address, { type: "module" });
}

function isNodeWorker(worker: unknown): worker is NodeWorker {
  return typeof (worker as NodeWorker).unref === "function";
}

/** The way from a thread to the one who started it. */
export interface WorkerParent {
  /** Sends a message; the buffers named in `transfer` move over. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Hears messages, one after the other. */
  listen(onMessage: (message: unknown) => void): void;
}

/** The thread's own scope in a browser: TypeScript's library for documents does not hold it. */
interface WebScope {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/**
 * The one who started this thread.
 *
 * @returns `null` in the main thread
 */
export function workerParent(): WorkerParent | null {
  if (hostProcess) {
    const { parentPort } = nodeModule("worker_threads", "answer in a thread");
    if (parentPort !== null) {
      return {
        post: (message, transfer = []) => parentPort.postMessage(message, [...transfer]),
        listen: (onMessage) => void parentPort.on("message", onMessage),
      };
    }
  }
  if (!("WorkerGlobalScope" in globalThis)) return null;
  const scope = globalThis as unknown as WebScope;
  return {
    post: (message, transfer = []) => scope.postMessage(message, [...transfer]),
    listen: (onMessage) => scope.addEventListener("message", ({ data }) => onMessage(data)),
  };
}
