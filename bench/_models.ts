/** The networks that several benches train. */
import { flatten, maxPool2d, relu, type Tensor } from "../mod.ts";
import { Conv2d, Linear, Module } from "../nn/mod.ts";

/** Linear layers with ReLU between. */
export class Mlp extends Module<[Tensor], Tensor> {
  layers: Linear[];

  /** @param sizes Features before, between and after the layers */
  constructor(sizes: readonly number[] = [784, 256, 128, 10]) {
    super();
    this.layers = sizes.slice(1).map((size, i) => new Linear(sizes[i], size));
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : relu(x)), x);
  }
}

/** LeNet-5 for images [n, 1, 28, 28], with maxima and ReLU. */
export class LeNet extends Module<[Tensor], Tensor> {
  conv1: Conv2d = new Conv2d(1, 6, 5, { padding: 2 });
  conv2: Conv2d = new Conv2d(6, 16, 5);
  head: Mlp = new Mlp([400, 120, 84, 10]);

  override forward(image: Tensor): Tensor {
    const pool = { kernelSize: 2 };
    const x = maxPool2d(relu(this.conv2.forward(maxPool2d(relu(this.conv1.forward(image)), pool))), pool);
    return this.head.forward(flatten(x, { startDim: 1 }));
  }
}
