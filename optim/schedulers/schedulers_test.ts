import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  linearWarmup,
  type LRScheduler,
  MultiplicativeLR,
  OneCycleLR,
  ReduceLROnPlateau,
  type ScheduledGroup,
  SequentialLR,
  StepLR,
  SWALR,
} from "./mod.ts";

function groups(...lrs: number[]): { paramGroups: ScheduledGroup[] } {
  return { paramGroups: lrs.map((lr) => ({ lr, momentum: 0.9 })) };
}

function run(scheduler: LRScheduler, steps: number): number[] {
  return Array.from({ length: steps }, () => {
    scheduler.step();
    return scheduler.getLastLr()[0];
  });
}

function near(got: number[], want: number[]): void {
  assert(got.every((lr, i) => Math.abs(lr - want[i]) < 1e-12), `rates are ${got}, want ${want}`);
}

Deno.test("a warm-up rises linearly and hands over at full rate", () => {
  const optimizer = groups(1);
  const scheduler = linearWarmup(optimizer, {
    steps: 4,
    then: (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 2 }),
  });
  near(scheduler.getLastLr(), [0.25]);
  near(run(scheduler, 6), [0.4375, 0.625, 0.8125, 1, 0.5, 0]);
  near(run(linearWarmup(groups(1), { steps: 2, startFactor: 0.5 }), 4), [0.75, 1, 1, 1]);
});

Deno.test("schedules nest: a sequence as part of a sequence and of a chain", () => {
  const optimizer = groups(1);
  const inner = new SequentialLR(optimizer, {
    schedulers: [
      new ConstantLR(optimizer, { factor: 0.5, totalIters: 10 }),
      new ExponentialLR(optimizer, { gamma: 0.5 }),
    ],
    milestones: [2],
  });
  const outer = new SequentialLR(optimizer, {
    schedulers: [inner, new StepLR(optimizer, { stepSize: 1, gamma: 0.1 })],
    milestones: [4],
  });
  near(outer.getLastLr(), [0.5]);
  near(run(outer, 6), [0.5, 1, 0.5, 1, 0.1, 0.01]);
  const chained = groups(1);
  const chain = new ChainedScheduler(chained, {
    schedulers: [
      new LambdaLR(chained, { lrLambda: () => 1 }),
      new LinearLR(chained, { startFactor: 0.5, totalIters: 2 }),
    ],
  });
  near(chain.getLastLr(), [0.5]);
});

Deno.test("a state is JSON and a fresh scheduler goes on from it", () => {
  const make = () => {
    const optimizer = groups(1);
    return { optimizer, scheduler: new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 20 }) };
  };
  const first = make();
  run(first.scheduler, 7);
  const state = JSON.parse(JSON.stringify(first.scheduler.stateDict()));
  const second = make();
  Object.assign(second.optimizer.paramGroups[0], first.optimizer.paramGroups[0]);
  second.scheduler.loadStateDict(state);
  assertEquals(run(second.scheduler, 12), run(first.scheduler, 12));
  assertEquals(second.optimizer.paramGroups, first.optimizer.paramGroups);
  run(first.scheduler, 1);
  assertThrows(() => first.scheduler.step(), RangeError, "20 steps");
  assertThrows(() => second.scheduler.loadStateDict({ lastEpoch: "7" }), TypeError, "lastEpoch");
});

Deno.test("options that make no sense are refused", () => {
  assertThrows(() => new StepLR(groups(1), { stepSize: 0 }), RangeError, "stepSize");
  assertThrows(() => new LambdaLR(groups(1), { lrLambda: [] }), RangeError, "lrLambda");
  assertThrows(() => new OneCycleLR(groups(1), { maxLr: 1 }), RangeError, "totalSteps");
  assertThrows(() => new OneCycleLR(groups(1, 2), { maxLr: [1], totalSteps: 5 }), RangeError, "maxLr");
  const bare = { paramGroups: [{ lr: 1 }] };
  assertThrows(() => new CyclicLR(bare, { baseLr: 0, maxLr: 1 }), RangeError, "cycleMomentum");
  assertThrows(() => new ReduceLROnPlateau(groups(1)).step(), TypeError, "metric");
  assertThrows(() => new ReduceLROnPlateau(groups(1), { factor: 1 }), RangeError, "factor");
  const [a, b] = [groups(1), groups(1)];
  const schedulers = [new StepLR(a, { stepSize: 1 }), new StepLR(b, { stepSize: 1 })];
  assertThrows(() => new SequentialLR(a, { schedulers, milestones: [1] }), RangeError, "same optimizer");
  assertThrows(() => new SequentialLR(a, { schedulers: [schedulers[0]], milestones: [1] }), RangeError, "milestones");
});

Deno.test("a group that is added later keeps its rate, or follows: it never gets one that is no number", () => {
  const kinds: ((optimizer: ReturnType<typeof groups>) => LRScheduler)[] = [
    (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 3 }),
    (optimizer) => new CosineAnnealingWarmRestarts(optimizer, { t0: 3 }),
    (optimizer) => new MultiplicativeLR(optimizer, { lrLambda: () => 0.5 }),
    (optimizer) => new LambdaLR(optimizer, { lrLambda: (step) => 0.5 ** step }),
    (optimizer) => new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 20 }),
    (optimizer) => new CyclicLR(optimizer, { baseLr: 0.1, maxLr: 1, stepSizeUp: 2 }),
    (optimizer) => new SWALR(optimizer, { swaLr: 0.5, annealEpochs: 3 }),
  ];
  for (const [kind, make] of kinds.entries()) {
    const alone = groups(1), grown = groups(1);
    const schedules = [make(alone), make(grown)];
    for (let step = 0; step < 10; step++) {
      if (step === 2) grown.paramGroups.push({ lr: 0.25, momentum: 0.9 });
      for (const scheduler of schedules) scheduler.step();
      assertEquals(grown.paramGroups[0], alone.paramGroups[0], `schedule ${kind}`);
      const later = grown.paramGroups[1]?.lr ?? 0;
      assert(later >= 0 && later <= 0.25, `schedule ${kind}, step ${step}: ${later}`);
    }
  }
});
