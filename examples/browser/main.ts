/** The page: trains the module of examples/mnist on this browser's WebGPU and shows how it goes. */
import type { ArrayDataset, LabelledImages } from "../../data/mod.ts";
import { type Device, init, setDevice } from "../../device/mod.ts";
import { max, noGrad, scope, softmax, tensor } from "../../mod.ts";
import { Callback, type LogPoint, seedEverything, type StepOutput, Trainer } from "../../trainer/mod.ts";
import { LitConvNet } from "../mnist/model.ts";
import { fetchDigits, loaderOf, scaled } from "./digits.ts";
import { drawCurve, drawDigit, type Point } from "./draw.ts";

/** An element of the page; index.html has every one that is asked for. */
const $ = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;

const start = $<HTMLButtonElement>("start"), stop = $<HTMLButtonElement>("stop");
const options = $<HTMLFormElement>("options");
const progress = $<HTMLProgressElement>("progress");
const curve = $<HTMLCanvasElement>("curve");

/** What is drawn: losses so far, and steps in all. */
let points: Point[] = [];
let totalSteps = 100;
let redrawing = false;

/** Draws the curve with the next picture of the page. */
function redraw(): void {
  if (redrawing) return;
  redrawing = true;
  requestAnimationFrame(() => {
    redrawing = false;
    drawCurve(curve, points, totalSteps);
  });
}

function say(text: string): void {
  $("status").textContent = text;
}

function complain(error: unknown): void {
  $("error").textContent = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  $("error").hidden = false;
}

/** Opens the device, or the one after a lost one, and shows its adapter. */
async function open(): Promise<Device> {
  const device = await init();
  $("adapter").textContent = device.info.adapter;
  device.gpu.lost.then(() => setDevice(null));
  return device;
}

const channel = new MessageChannel();

/** Lets the page draw and hear clicks. A timer would do as well, but is held back in a page that nobody looks at. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(null);
  });
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Moves the bar and the numbers with every batch. */
class PageProgress extends Callback {
  /** When the last batches ended, for the speed. */
  readonly #ends: number[] = [];
  #lastPause = 0;

  override async onTrainBatchEnd(
    trainer: Trainer,
    _module: LitConvNet,
    _outputs: StepOutput,
    _batch: unknown,
    batchIdx: number,
  ): Promise<void> {
    const done = batchIdx + 1, all = trainer.numTrainingBatches;
    this.#ends.push(performance.now());
    if (this.#ends.length > 21) this.#ends.shift();
    const speed = 1000 * (this.#ends.length - 1) / (this.#ends[this.#ends.length - 1] - this.#ends[0]);
    progress.value = done / all;
    const left = speed > 0 ? `, ${clock((all - done) / speed)} left` : "";
    say(`Step ${done.toLocaleString("en")} of ${all.toLocaleString("en")}${left}`);
    if (speed > 0) $("speed").textContent = `${speed.toFixed(speed < 10 ? 1 : 0)} steps/s`;
    await this.#pause();
  }

  override onTestStart(): void {
    say("Testing …");
  }

  override async onTestBatchEnd(): Promise<void> {
    await this.#pause();
  }

  async #pause(): Promise<void> {
    if (performance.now() - this.#lastPause < 30) return;
    await breathe();
    this.#lastPause = performance.now();
  }
}

/** Takes the losses to the curve. */
class PageLogger {
  readonly name = "page";
  readonly version = "0";
  readonly logDir = null;

  logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): void {
    if (metrics.train_loss === undefined) return;
    points.push([at.step + 1, metrics.train_loss]);
    $("loss").textContent = metrics.train_loss.toFixed(metrics.train_loss < 0.1 ? 4 : 3);
    redraw();
  }
}

/** Test images with what the module takes them for, and how sure it is. */
async function showDigits(module: LitConvNet, test: ArrayDataset<LabelledImages>): Promise<void> {
  const { image, label } = test.getBatch(Array.from({ length: 24 }, (_, i) => i * 41));
  module.eval();
  const [sureness, guesses] = await scope(async () => {
    const found = noGrad(() => max(softmax(module.forward(tensor(scaled(image))), { dim: 1 }), { dim: 1 }));
    return await Promise.all(found.map((one) => one.data()));
  });
  $("digits").replaceChildren(...Array.from(label.data, (right, i) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const percent = `${Math.round(100 * Number(sureness[i]))} %`;
    caption.textContent = Number(guesses[i]) === right ? String(right) : `${guesses[i]}, is ${right}`;
    caption.className = Number(guesses[i]) === right ? "" : "wrong";
    figure.title = `Read as ${guesses[i]}, ${percent} sure`;
    figure.append(drawDigit(image.data.subarray(784 * i, 784 * (i + 1))), caption);
    return figure;
  }));
  $("reading").hidden = false;
}

/** The data sets, fetched once. */
let sets: Promise<ArrayDataset<LabelledImages>[]> | null = null;

async function train(signal: AbortSignal): Promise<void> {
  const chosen = new FormData(options);
  const [images, batchSize, lr] = ["images", "batchSize", "lr"].map((name) => Number(chosen.get(name)));
  await open();
  say("Fetching the digits (55 MB) …");
  sets ??= Promise.all([fetchDigits("train", location.href), fetchDigits("test", location.href)]);
  const [trainSet, testSet] = await sets.catch((error) => {
    sets = null; // the next click may have more luck
    throw error;
  });
  say("Compiling …");
  totalSteps = Math.ceil(images / batchSize);
  points = [];
  redraw();
  seedEverything(0);
  const model = new LitConvNet({ lr });
  const testBatch = 250;
  const trainer = new Trainer({
    maxEpochs: 1,
    limitTrainBatches: totalSteps,
    limitValBatches: 0,
    limitTestBatches: Math.min(images, testSet.length) / testBatch,
    logEveryNSteps: Math.ceil(totalSteps / 300),
    logger: new PageLogger(),
    callbacks: new PageProgress(),
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: false,
  });
  const data = {
    train: loaderOf(trainSet, { batchSize, shuffle: true }),
    test: loaderOf(testSet, { batchSize: testBatch }),
  };
  const began = performance.now();
  await trainer.fit(model, data, { signal });
  const seconds = (performance.now() - began) / 1000;
  const took = `${trainer.globalStep.toLocaleString("en")} steps in ${clock(seconds)}`;
  const [metrics] = signal.aborted ? [] : await trainer.test(model, data, { signal, verbose: false });
  if (!signal.aborted) $("accuracy").textContent = `${(100 * metrics.test_accuracy).toFixed(2)} %`;
  await showDigits(model, testSet);
  say(signal.aborted ? `Stopped after ${took}` : `Done: ${took}`);
}

options.onsubmit = async (event) => {
  event.preventDefault();
  const abort = new AbortController();
  stop.onclick = () => {
    abort.abort();
    say("Stopping …");
  };
  start.disabled = true;
  stop.disabled = false;
  progress.value = 0;
  for (const id of ["loss", "speed", "accuracy"]) $(id).textContent = "–";
  $("error").hidden = true;
  try {
    await train(abort.signal);
  } catch (error) {
    say("");
    complain(error);
  } finally {
    start.disabled = false;
    stop.disabled = true;
  }
};

// With the GPU's process a browser loses its canvases, too.
curve.addEventListener("contextrestored", redraw);
new ResizeObserver(redraw).observe(curve);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
open().catch(complain);
