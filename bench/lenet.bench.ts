/** A whole training step of LeNet-5 with Adam: forward, backward, update, 64 images of 28×28. */
import { backward, crossEntropy, flatten, maxPool2d, randint, randn, relu, type Tensor } from "../mod.ts";
import { Conv2d, Linear, Module } from "../nn/mod.ts";
import { Adam } from "../optim/mod.ts";
import { bench, compute } from "./_time.ts";

class LeNet extends Module<[Tensor], Tensor> {
  conv1: Conv2d = new Conv2d(1, 6, 5, { padding: 2 });
  conv2: Conv2d = new Conv2d(6, 16, 5);
  fc1: Linear = new Linear(400, 120);
  fc2: Linear = new Linear(120, 84);
  fc3: Linear = new Linear(84, 10);

  override forward(image: Tensor): Tensor {
    const pool = { kernelSize: 2 };
    const x = maxPool2d(relu(this.conv2.forward(maxPool2d(relu(this.conv1.forward(image)), pool))), pool);
    return this.fc3.forward(relu(this.fc2.forward(relu(this.fc1.forward(flatten(x, { startDim: 1 }))))));
  }
}

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
