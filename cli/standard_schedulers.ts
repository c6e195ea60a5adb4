import * as z from "zod";
import {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LinearLR,
  type LRScheduler,
  MultiStepLR,
  OneCycleLR,
  type Optimizer,
  PolynomialLR,
  ReduceLROnPlateau,
  StepLR,
  SWALR,
} from "../optim/mod.ts";
import { type OptionsSchema, type Registered, registered, type Registry } from "./registry.ts";

const positive = z.number().positive(),
  least0 = z.number().min(0),
  share = least0.max(1),
  whole = z.number().int().min(1);

const perGroup = z.union([least0, z.array(least0)]);
const drop = share.default(0.1).describe("factor of a drop");
const leastRate = least0.default(0).describe("the least rate");
const shape = z.enum(["cos", "linear"]).default("cos").describe("shape of rise and fall");
const until = whole.default(5).describe("intervals until the end");

/** What schedules that rise and fall do with momentum. */
const momenta = (low: number, high: number) => ({
  cycleMomentum: z.boolean().default(true).describe("momentum, or the first beta, moves the other way"),
  baseMomentum: perGroup.default(low).describe("the least momentum"),
  maxMomentum: perGroup.default(high).describe("the largest momentum"),
});

/** The entry of a class that takes an optimizer and options. */
function entry<Options>(
  options: OptionsSchema<Options>,
  Class: new (optimizer: Optimizer, options: Options) => LRScheduler,
): Registered<LRScheduler, [optimizer: Optimizer]> {
  return registered(options, (given, optimizer: Optimizer): LRScheduler => new Class(optimizer, given));
}

/**
 * Every scheduler of `@fulgurite/core/optim` that is made of plain options: those of functions and of others are not.
 */
export const standardSchedulers: Registry<LRScheduler, [optimizer: Optimizer]> = {
  StepLR: entry(z.object({ stepSize: whole.describe("intervals between drops"), gamma: drop }), StepLR),
  MultiStepLR: entry(
    z.object({ milestones: z.array(least0.int()).describe("intervals after which the rate drops"), gamma: drop }),
    MultiStepLR,
  ),
  ConstantLR: entry(
    z.object({ factor: share.default(1 / 3).describe("factor at first"), totalIters: until }),
    ConstantLR,
  ),
  LinearLR: entry(
    z.object({
      startFactor: positive.max(1).default(1 / 3).describe("factor at first"),
      endFactor: share.default(1).describe("factor at the end"),
      totalIters: until,
    }),
    LinearLR,
  ),
  ExponentialLR: entry(z.object({ gamma: share.describe("factor of each interval") }), ExponentialLR),
  PolynomialLR: entry(z.object({ totalIters: until, power: least0.default(1).describe("exponent") }), PolynomialLR),
  CosineAnnealingLR: entry(
    z.object({ tMax: whole.describe("intervals to the least rate"), etaMin: leastRate }),
    CosineAnnealingLR,
  ),
  CosineAnnealingWarmRestarts: entry(
    z.object({
      t0: whole.describe("intervals of the first period"),
      tMult: whole.default(1).describe("how many times longer each period is than the one before"),
      etaMin: leastRate,
    }),
    CosineAnnealingWarmRestarts,
  ),
  CyclicLR: entry(
    z.object({
      baseLr: perGroup.describe("the least rate"),
      maxLr: perGroup.describe("the largest rate"),
      stepSizeUp: whole.default(2000).describe("intervals of the rise"),
      stepSizeDown: whole.optional().describe("intervals of the fall; else as many"),
      mode: z.enum(["triangular", "triangular2", "exp_range"]).default("triangular")
        .describe("how the heights of the cycles change"),
      gamma: positive.default(1).describe("factor of an interval in exp_range"),
      ...momenta(0.8, 0.9),
    }),
    CyclicLR,
  ),
  OneCycleLR: entry(
    z.object({
      maxLr: perGroup.describe("the largest rate"),
      totalSteps: whole.optional().describe("intervals in all; else epochs times stepsPerEpoch"),
      epochs: whole.optional(),
      stepsPerEpoch: whole.optional(),
      pctStart: share.default(0.3).describe("share of the rise"),
      annealStrategy: shape,
      ...momenta(0.85, 0.95),
      divFactor: positive.default(25).describe("the first rate is maxLr / divFactor"),
      finalDivFactor: positive.default(1e4).describe("the last rate is the first / finalDivFactor"),
      threePhase: z.boolean().default(false).describe("fall as the rise was, then to the last rate"),
    }),
    OneCycleLR,
  ),
  SWALR: entry(
    z.object({
      swaLr: perGroup.describe("the rate at the end"),
      annealEpochs: least0.int().default(10).describe("intervals until it is reached"),
      annealStrategy: shape,
    }),
    SWALR,
  ),
  ReduceLROnPlateau: entry(
    z.object({
      mode: z.enum(["min", "max"]).default("min").describe("where the metric should go"),
      factor: drop,
      patience: least0.int().default(10).describe("intervals without progress"),
      threshold: least0.default(1e-4).describe("what counts as progress"),
      thresholdMode: z.enum(["rel", "abs"]).default("rel").describe("a share of the best value, or a difference"),
      cooldown: least0.int().default(0).describe("intervals after a drop that are not counted"),
      minLr: perGroup.default(0).describe("the least rate"),
      eps: least0.default(1e-8).describe("smaller changes are not made"),
    }),
    ReduceLROnPlateau,
  ),
};
