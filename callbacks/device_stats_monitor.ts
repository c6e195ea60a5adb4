import { device } from "../device/mod.ts";
import { checkNames } from "../device/option_names.ts";
import { hostMemory, processMemory, processorTimes } from "../platform/mod.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/**
 * Logs with each row of steps what the device and the host hold: bytes of tensors, of idle buffers and at the peak,
 * buffers, dispatches and submits since the row before, and with `cpuStats` the load of the host's cores since then in
 * percent, the process' memory, and what is left of the host's.
 *
 * @example
 * ```ts
 * import { DeviceStatsMonitor } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new DeviceStatsMonitor({ cpuStats: true }), logEveryNSteps: 10 });
 * ```
 */
export class DeviceStatsMonitor extends Callback {
  /** Whether numbers of the host are logged; `null`: where the adapter computes there. */
  readonly #cpuStats: boolean | null;
  #due = false;
  #before = { dispatches: 0, submits: 0 };
  #processors = { busy: 0, total: 0, percent: 0 };

  /**
   * Makes the callback.
   *
   * @param options Whether numbers of the host are logged, too; default: on software adapters, which compute there
   */
  constructor(options: { cpuStats?: boolean } = {}) {
    super();
    checkNames("make a DeviceStatsMonitor", options, { cpuStats: true });
    this.#cpuStats = options.cpuStats ?? null;
  }

  /** Looks whether there is a logger. */
  override onTrainStart(trainer: Trainer): void {
    if (trainer.loggers.length === 0) {
      throw new TypeError("Cannot monitor the device: the trainer must have a logger, it has none");
    }
    this.#before = { ...device().recorder.counts };
    this.#processors = { ...processorTimes(), percent: 0 };
    device().pool.resetPeak();
  }

  /** Logs before a batch whose row comes. */
  override onTrainBatchStart(trainer: Trainer, module: LightningModule): void {
    this.#due = trainer.logsThisBatch;
    if (this.#due) module.logDict(this.#stats("onTrainBatchStart"), { batchSize: 1 });
  }

  /** Logs after it. */
  override onTrainBatchEnd(_trainer: Trainer, module: LightningModule): void {
    if (this.#due) module.logDict(this.#stats("onTrainBatchEnd"), { batchSize: 1 });
  }

  #stats(hook: string): Record<string, number> {
    const { recorder, pool, info } = device(), { liveBytes, liveBuffers, pooledBytes, peakBytes } = pool.report();
    const { dispatches, submits } = recorder.counts, before = this.#before;
    const host = this.#cpuStats ?? info.software
      ? {
        "host.cpuPercent": this.#load(),
        "host.processBytes": processMemory(),
        "host.availableBytes": hostMemory().available,
      }
      : {};
    const stats = {
      "pool.liveBytes": liveBytes,
      "pool.liveBuffers": liveBuffers,
      "pool.idleBytes": pooledBytes,
      "pool.peakBytes": peakBytes,
      "pool.buffersCreated": pool.created,
      "recorder.dispatches": dispatches - before.dispatches,
      "recorder.submits": submits - before.submits,
      ...host,
    };
    this.#before = { dispatches, submits };
    return Object.fromEntries(
      Object.entries(stats).map(([name, value]) => [`DeviceStatsMonitor.${hook}/${name}`, value]),
    );
  }

  /**
   * Percent of the time of all cores that was spent since the last look; the same again where the clock has not moved
   * on.
   */
  #load(): number {
    const { busy, total } = processorTimes(), before = this.#processors;
    const percent = total === before.total ? before.percent : 100 * (busy - before.busy) / (total - before.total);
    this.#processors = { busy, total, percent };
    return percent;
  }
}
