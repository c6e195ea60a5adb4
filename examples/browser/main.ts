/** The page: trains the module of examples/mnist on this browser's WebGPU and shows how it goes. */
import {
  type ArrayDataset,
  DataLoader,
  type LabelledImages,
  labelledImages,
  mnistMean,
  mnistStd,
  scaleImages,
} from "../../data/mod.ts";
import { init } from "../../device/mod.ts";
import { Callback, seedEverything, type StepOutput, Trainer } from "../../trainer/mod.ts";
import { LitConvNet } from "../mnist/model.ts";
import type { LogPoint } from "../../trainer/mod.ts";
import { argmax, tensor } from "../../mod.ts";
import { drawCurve, drawDigit } from "./draw.ts";

const $ = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

async function fetchSet(part: "train" | "t10k"): Promise<ArrayDataset<LabelledImages>> {
  const names = [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`] as const;
  const [images, labels] = await Promise.all(names.map(async (name) => {
    const response = await fetch(`data/${name}`);
    if (!response.ok) throw new Error(`Cannot fetch ${name}: the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }));
  return labelledImages(images, labels, { names: [...names] });
}

function loaderOf(set: ArrayDataset<LabelledImages>, batchSize: number, shuffle: boolean) {
  return new DataLoader(set, {
    batchSize,
    shuffle,
    seed: 0,
    transform: ({ image, label }: LabelledImages) => ({
      image: scaleImages(image, { mean: mnistMean, std: mnistStd }),
      label,
    }),
  });
}

/** Moves the bar and the numbers with every batch, and lets the page draw now and then. */
class PageProgress extends Callback {
  #started = 0;
  #lastPause = 0;

  override onTrainStart(): void {
    this.#started = performance.now();
  }

  override async onTrainBatchEnd(
    trainer: Trainer,
    _module: unknown,
    _outputs: StepOutput,
    _batch: unknown,
    batchIdx: number,
  ): Promise<void> {
    $<HTMLProgressElement>("progress").value = (batchIdx + 1) / trainer.numTrainingBatches;
    $("step").textContent = `${batchIdx + 1} of ${trainer.numTrainingBatches}`;
    $("speed").textContent = `${((batchIdx + 1) / (performance.now() - this.#started) * 1000).toFixed(1)} steps/s`;
    if (performance.now() - this.#lastPause > 50) {
      await new Promise((resolve) => setTimeout(resolve));
      this.#lastPause = performance.now();
    }
  }
}

/** Keeps the losses and draws them. */
class PageLogger {
  readonly name = "page";
  readonly version = "0";
  readonly logDir = null;
  readonly losses: [number, number][] = [];

  logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): void {
    if (metrics.train_loss === undefined) return;
    this.losses.push([at.step, metrics.train_loss]);
    $("loss").textContent = metrics.train_loss.toFixed(4);
    drawCurve($<HTMLCanvasElement>("curve"), this.losses);
  }
}

/** Ten test images with what the trained module takes them for. */
async function showDigits(module: LitConvNet, test: ArrayDataset<LabelledImages>): Promise<void> {
  const { image, label } = test.getBatch(Array.from({ length: 10 }, (_, i) => i * 7));
  const guesses = await argmax(module.forward(tensor(scaleImages(image, { mean: mnistMean, std: mnistStd }))), {
    dim: 1,
  }).data();
  $("digits").replaceChildren(...[...guesses].map((guess, i) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = String(guess);
    if (guess !== label.data[i]) caption.className = "wrong";
    figure.append(drawDigit(image.data.subarray(784 * i, 784 * (i + 1))), caption);
    return figure;
  }));
}

async function train(): Promise<void> {
  const start = $<HTMLButtonElement>("start"), stop = $<HTMLButtonElement>("stop");
  start.disabled = true;
  const abort = new AbortController();
  stop.onclick = () => abort.abort();
  stop.disabled = false;
  try {
    const device = await init();
    $("adapter").textContent = device.info.adapter;
    $("message").textContent = "Fetching the digits …";
    const [trainSet, testSet] = await Promise.all([fetchSet("train"), fetchSet("t10k")]);
    $("message").textContent = "";
    seedEverything(0);
    const model = new LitConvNet();
    const trainer = new Trainer({
      maxEpochs: 1,
      logEveryNSteps: 5,
      logger: new PageLogger(),
      callbacks: new PageProgress(),
    });
    const data = { train: loaderOf(trainSet, 64, true), test: loaderOf(testSet, 250, false) };
    await trainer.fit(model, data, { signal: abort.signal });
    const [metrics] = await trainer.test(model, data);
    $("accuracy").textContent = `${(100 * metrics.test_accuracy).toFixed(2)} %`;
    await showDigits(model, testSet);
  } catch (error) {
    $("message").textContent = error instanceof Error ? error.message : String(error);
  } finally {
    start.disabled = false;
    stop.disabled = true;
  }
}

$("start").onclick = () => void train();
