/** Data sets for `loader.bench.ts`, in a module of their own, since workers import it. */
import type { Dataset } from "../data/dataset.ts";
import { defineDataset } from "../data/define_dataset.ts";
import { colorJitter, compose, normalize, randomResizedCrop, toTensor } from "../data/transforms/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";

const augment = compose(
  randomResizedCrop(64),
  colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  toTensor(),
  normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
);

/** Pictures of 3 × 96 × 96 bytes, augmented as for a training on ImageNet. */
export const pictures: (length: number) => Dataset<HostTensor> = defineDataset(
  import.meta.url,
  "pictures",
  (length: number): Dataset<HostTensor> => ({
    length,
    get(i, at) {
      const data = Uint8Array.from({ length: 3 * 96 * 96 }, (_, k) => (k * 31 + i * 17) & 255);
      return augment(hostTensor(data, { dtype: "u8", shape: [3, 96, 96] }), at.random(i));
    },
  }),
);

/** Batches of 4 MiB that take little to fill. */
export const large: (length: number) => Dataset<number, HostTensor<"f32">> = defineDataset(
  import.meta.url,
  "large",
  (length: number): Dataset<number, HostTensor<"f32">> => ({
    length,
    get: (i) => i,
    getBatch: ({ length }, at) => hostTensor(at.allocate("f32", length * 2 ** 16).fill(1), { dtype: "f32" }),
  }),
);
