import { isFloat, isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { nonzeroCount, nonzeroPlace, radixScan, radixSums } from "../_wgsl.ts";
import { to } from "../elementwise/cast.ts";
import { narrow } from "../layout/slice.ts";
import { temporary } from "../sort/_order.ts";

/** Elements that one invocation goes through. */
const TILE = 256;

/**
 * The places of the elements that are not 0 (NaN is not), in row-major order. How many there are is known on the device
 * alone, so the result has to be awaited: it reads one number.
 *
 * @param x At most eight axes
 * @returns A promise of i32 [number of them, axes of x]
 * @throws {ShapeError} If there are more axes
 *
 * @example
 * ```ts
 * import { init, nonzero, tensor } from "@fulgurite/core";
 *
 * await init();
 * const places = await nonzero(tensor([[0, 5], [7, 0]]));
 * console.log(await places.array()); // [[0, 1], [1, 0]]
 * ```
 */
export async function nonzero(x: Tensor): Promise<Tensor> {
  const { shape, ndim: rank, numel: length } = x;
  if (rank > 8) {
    throw new ShapeError(
      "nonzero",
      `Cannot find places in nonzero: at most eight axes, the shape is ${showShape(shape)}`,
      [shape],
    );
  }
  const made = (count: number) =>
    new Tensor({ shape: [count, rank], storage: new Storage(count * rank, "i32", "nonzero") });
  if (length === 0) return made(0);
  const wide = isHalf(x.dtype) ? to(x, "f32") : x;
  // The input is read again after the count is known, and its owner may be gone by then.
  const held = new Tensor({ shape, storage: wide.storage.retain(), scoped: false });
  const tiles = Math.ceil(length / TILE), special = { overrides: { bits: isFloat(x.dtype) ? 0x7fffffff : 0xffffffff } };
  // One place more than tiles: after adding up, it holds how many there are in all.
  const starts = temporary([tiles + 1], "u32", "nonzero");
  try {
    launch(
      nonzeroCount,
      { x: held, counts: starts },
      { length, tiles, tile: TILE },
      Math.ceil((tiles + 1) / 32),
      special,
    );
    const chunk = Math.ceil(Math.sqrt(tiles + 1)), chunks = Math.ceil((tiles + 1) / chunk);
    const sums = temporary([chunks], "u32", "nonzero");
    const scanned = { rows: 1, length: tiles + 1, chunks, chunk };
    launch(radixSums, { counts: starts, sums }, scanned, Math.ceil(chunks / 32));
    launch(radixScan, { sums, counts: starts }, scanned, Math.ceil(chunks / 32));
    sums.dispose();
    const last = narrow(starts, { dim: 0, start: tiles, length: 1 });
    const count = await last.item();
    last.dispose();
    const places = made(count);
    if (places.numel > 0) {
      const params = { sizes: shape, length, tiles, tile: TILE, rank };
      launch(nonzeroPlace, { x: held, starts, places }, params, Math.ceil(tiles / 32), special);
    }
    return places;
  } finally {
    held.dispose();
    starts.dispose();
  }
}
