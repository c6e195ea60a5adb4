import * as z from "zod";
import {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  ASGD,
  Lamb,
  LBFGS,
  Lion,
  Muon,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
} from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type OptionsSchema, type Registered, registered, type Registry } from "./registry.ts";

const positive = z.number().positive(),
  least0 = z.number().min(0),
  share = least0.max(1),
  whole = z.number().int().min(1);

const rate = (preset: number) => positive.default(preset).describe("learning rate");
const eps = (preset: number) => least0.default(preset).describe("added to the denominator");
const decay = (preset = 0) => least0.default(preset).describe("weight decay");
const kept = (preset: number) => share.default(preset).describe("share of the last direction that is kept");
const pair = (a: number, b: number) => z.tuple([share, share]).default([a, b]).describe("decay of both running means");
const flag = (meaning: string, preset = false) => z.boolean().default(preset).describe(meaning);
const maximize = flag("climb in place of descending");
const decoupled = flag("weight decay shrinks the parameter, not the gradient");
const nesterov = (preset: boolean) => flag("look ahead along the momentum", preset);

const adam = z.object({
  lr: rate(1e-3),
  betas: pair(0.9, 0.999),
  eps: eps(1e-8),
  weightDecay: decay(),
  amsgrad: flag("the denominator never shrinks"),
  maximize,
});
const { amsgrad: _amsgrad, ...plainAdam } = adam.shape;

/** The entry of a class that takes parameters and options. */
function entry<Options>(
  options: OptionsSchema<Options>,
  Class: new (parameters: Iterable<Tensor>, options: Options) => Optimizer,
): Registered<Optimizer, [parameters: Iterable<Tensor>]> {
  return registered(options, (given, parameters: Iterable<Tensor>): Optimizer => new Class(parameters, given));
}

/** Every optimizer of `@fulgurite/core/optim`, with its own defaults. */
export const standardOptimizers: Registry<Optimizer, [parameters: Iterable<Tensor>]> = {
  SGD: entry(
    z.object({
      lr: rate(1e-3),
      momentum: kept(0),
      dampening: z.number().default(0).describe("share of the gradient that momentum leaves out"),
      weightDecay: decay(),
      nesterov: nesterov(false),
      maximize,
    }),
    SGD,
  ),
  Adam: entry(adam, Adam),
  AdamW: entry(adam.extend({ weightDecay: decay(0.01) }), AdamW),
  Adadelta: entry(
    z.object({
      lr: positive.default(1).describe("factor of the step"),
      rho: share.default(0.9).describe("decay of the running means"),
      eps: eps(1e-6),
      weightDecay: decay(),
      maximize,
    }),
    Adadelta,
  ),
  Adafactor: entry(
    z.object({
      lr: rate(0.01),
      beta2Decay: z.number().max(0).default(-0.8).describe("exponent by which the mean of squares forgets"),
      eps: z.tuple([least0, least0]).default([2 ** -23, 1e-3])
        .describe("the least root of the mean of squares, the least size of a parameter"),
      d: z.number().min(1).default(1).describe("bound of a step's root mean square"),
      weightDecay: decay(),
      maximize,
    }),
    Adafactor,
  ),
  Adagrad: entry(
    z.object({
      lr: rate(0.01),
      lrDecay: least0.default(0).describe("how fast the rate falls"),
      weightDecay: decay(),
      initialAccumulatorValue: least0.default(0).describe("what the sums of squares start with"),
      eps: eps(1e-10),
      maximize,
    }),
    Adagrad,
  ),
  Adamax: entry(z.object({ ...plainAdam, lr: rate(2e-3) }), Adamax),
  ASGD: entry(
    z.object({
      lr: rate(0.01),
      lambd: least0.default(1e-4).describe("how fast the step shrinks"),
      alpha: z.number().default(0.75).describe("exponent with which the step shrinks"),
      t0: least0.default(1e6).describe("the step from which on parameters are averaged"),
      weightDecay: decay(),
      maximize,
    }),
    ASGD,
  ),
  Lamb: entry(
    z.object({ lr: rate(1e-3), betas: pair(0.9, 0.999), eps: eps(1e-6), weightDecay: decay() }),
    Lamb,
  ),
  LBFGS: entry(
    z.object({
      lr: positive.default(1).describe("length of a step, or of the first one that a line search tries"),
      maxIter: whole.default(20).describe("iterations of a step"),
      maxEval: whole.nullable().default(null).describe("how often a step measures the loss"),
      toleranceGrad: least0.default(1e-7).describe("ends a step where no element of the gradient is larger"),
      toleranceChange: least0.default(1e-9).describe("ends a step where parameters and loss change less"),
      historySize: whole.default(100).describe("changes that are remembered"),
      lineSearchFn: z.literal("strong_wolfe").nullable().default(null),
    }),
    LBFGS,
  ),
  Lion: entry(z.object({ lr: rate(1e-4), betas: pair(0.9, 0.99), weightDecay: decay(), maximize }), Lion),
  Muon: entry(
    z.object({
      lr: rate(1e-3),
      weightDecay: decay(0.1),
      momentum: kept(0.95),
      nesterov: nesterov(true),
      nsCoefficients: z.tuple([z.number(), z.number(), z.number()]).default([3.4445, -4.775, 2.0315])
        .describe("coefficients of the polynomial that is iterated"),
      eps: positive.default(1e-7).describe("the smallest norm that a direction is divided by"),
      nsSteps: whole.default(5).describe("iterations"),
      adjustLrFn: z.enum(["original", "match_rms_adamw"]).nullable().default(null)
        .describe("how the rate depends on the matrix's shape"),
    }),
    Muon,
  ),
  NAdam: entry(
    z.object({
      ...plainAdam,
      lr: rate(2e-3),
      momentumDecay: least0.default(4e-3).describe("how fast momentum warms up"),
      decoupledWeightDecay: decoupled,
    }),
    NAdam,
  ),
  RAdam: entry(z.object({ ...plainAdam, decoupledWeightDecay: decoupled }), RAdam),
  RMSprop: entry(
    z.object({
      lr: rate(0.01),
      alpha: share.default(0.99).describe("decay of the running mean of squares"),
      eps: eps(1e-8),
      weightDecay: decay(),
      momentum: kept(0),
      centered: flag("divide by the deviation in place of the root of the mean square"),
      maximize,
    }),
    RMSprop,
  ),
  Rprop: entry(
    z.object({
      lr: positive.default(0.01).describe("size of the first step"),
      etas: z.tuple([positive, positive]).default([0.5, 1.2]).describe("factors by which a step shrinks and grows"),
      stepSizes: z.tuple([least0, least0]).default([1e-6, 50]).describe("the smallest and the largest step"),
      maximize,
    }),
    Rprop,
  ),
};
