/** Activations without options. */
import {
  hardsigmoid,
  hardswish,
  logSigmoid,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softsign,
  tanhshrink,
} from "../kernels/elementwise/activations.ts";
import { tanh } from "../kernels/elementwise/trigonometry.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/**
 * max(x, 0).
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { ReLU } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(await new ReLU().forward(tensor([-1, 2])).array()); // [0, 2]
 * ```
 */
export class ReLU extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** ln(1 / (1 + e⁻ˣ)). */
export class LogSigmoid extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** x·sigmoid(x), also called swish. */
export class SiLU extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** x·tanh(ln(1 + eˣ)) (Misra 2019). */
export class Mish extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** 1.0507·x where x > 0, else 1.7581·(eˣ − 1) (Klambauer and others 2017). */
export class SELU extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** x − tanh(x). */
export class Tanhshrink extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}

/** min(max(x + 3, 0), 6) / 6. */
export class Hardsigmoid extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return hardsigmoid(x);
  }
}

/** x·min(max(x + 3, 0), 6) / 6. */
export class Hardswish extends Module<[x: Tensor], Tensor> {
  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return hardswish(x);
  }
}
