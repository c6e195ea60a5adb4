import { backward, capture, crossEntropy, init, randn, randint, relu, scope, Tensor, maxPool2d, flatten, profile } from "./mod.ts";
import { Linear, Conv2d, Module } from "./nn/mod.ts";
import { Adam } from "./optim/mod.ts";
const device = await init();
class Lenet extends Module<[Tensor], Tensor> {
  conv1 = new Conv2d(1, 6, 5, { padding: 2 }); conv2 = new Conv2d(6, 16, 5);
  fc1 = new Linear(400, 120); fc2 = new Linear(120, 84); fc3 = new Linear(84, 10);
  forward(x: Tensor) {
    x = maxPool2d(relu(this.conv1.forward(x)), { kernelSize: 2 });
    x = maxPool2d(relu(this.conv2.forward(x)), { kernelSize: 2 });
    x = flatten(x, { startDim: 1 });
    return this.fc3.forward(relu(this.fc2.forward(relu(this.fc1.forward(x)))));
  }
}
class Mlp extends Module<[Tensor], Tensor> {
  a = new Linear(784, 256); b = new Linear(256, 128); c = new Linear(128, 10);
  forward(x: Tensor) { return this.c.forward(relu(this.b.forward(relu(this.a.forward(flatten(x, { startDim: 1 })))))); }
}
for (const [name, net, batch] of [["mlp", new Mlp(), 128], ["lenet", new Lenet(), 64]] as const) {
  const opt = new Adam(net.parameters(), { lr: 1e-3 });
  const x = randn([batch, 1, 28, 28]), y = randint(0, 10, [batch]); await x.data(); await y.data();
  const plain = (x: Tensor, y: Tensor) => { opt.zeroGrad(); const l = crossEntropy(net.forward(x), y); backward(l); opt.step(); return l; };
  scope(() => plain(x, y)); scope(() => plain(x, y)); await device.sync();
  device.pool.resetPeak(); const l0 = device.memory().liveBytes; scope(() => plain(x, y)); const eagerPeak = device.memory().peakBytes - l0;
  const step = capture(plain);
  for (let i = 0; i < 3; i++) step(x, y).dispose();
  console.log(name, step.statistics.dispatches, "dispatches", "eager peak", eagerPeak, "captured", step.statistics.bytes);
  const times = await profile(device, () => { step(x, y).dispose(); });
  console.log(times.map((t) => `${t.label} ${t.microseconds.toFixed(0)}`).join("\n  "));
}
