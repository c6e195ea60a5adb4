/** A whole training step of LeNet-5 with Adam: forward, backward, update, 64 images of 28×28. */
import { backward, crossEntropy, randint, randn } from "../mod.ts";
import { Adam } from "../optim/mod.ts";
import { LeNet } from "./_models.ts";
import { bench, compute } from "./_time.ts";

/** Multiplications and additions of one image forward; backward has twice as many. */
const forward = 2 * (6 * 28 * 28 * 25 + 16 * 10 * 10 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10);

await bench("training", "LeNet-5 step, batch 64, Adam", { flops: 3 * 64 * forward }, () => {
  const model = new LeNet(), optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const image = randn([64, 1, 28, 28]), label = randint(0, 10, [64]);
  compute(image, label);
  return () => {
    const loss = crossEntropy(model.forward(image), label);
    optimizer.zeroGrad();
    backward(loss);
    optimizer.step();
  };
});
