// Tensors, gradients and files in a page: the same program as headless, on the browser's own WebGPU.
import { assert, assertEquals } from "@std/assert";
import { readFile } from "../../platform/mod.ts";
import { bundle } from "../../examples/browser/serve.ts";
import { browserTest, withServer } from "./_chromium.ts";
import { type Numbers, type OpResults, runOps, sumSafetensors } from "./_program.ts";

const file = await readFile(new URL("../golden/training/lenet.safetensors", import.meta.url).pathname);
const program = await bundle(new URL("_program.ts", import.meta.url));

/**
 * How far results of two adapters may lie apart, as a share of a tensor's largest element. Both compute in f32, but may
 * sum in another order, fuse multiplications with additions, and differ in the last bits of `exp`: n terms give an
 * error of about √n · 2⁻²⁴ of their size. The longest sum has 100,000 terms (2e-5), all others have less than 1,000
 * (2e-6, and twice that where a gradient follows a result). Whole numbers are equal.
 */
function bound(name: string, { dtype }: Numbers): number {
  if (dtype !== "f32") return 0;
  return name === "a sum of 100,000" ? 2e-5 : 4e-6;
}

function assertClose(name: string, actual: Numbers, expected: Numbers): void {
  assertEquals([actual.shape, actual.dtype, actual.data.length], [
    expected.shape,
    expected.dtype,
    expected.data.length,
  ]);
  const size = Math.max(...expected.data.map(Math.abs), 1e-30);
  const apart = Math.max(0, ...actual.data.map((value, i) => Math.abs(value - expected.data[i]))) / size;
  assert(apart <= bound(name, expected), `${name}: results are ${apart} of ${size} apart`);
}

/** A page with the program: `program` names its functions in what is evaluated there. */
const serve = (request: Request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/program.js") return new Response(program, { headers: { "content-type": "text/javascript" } });
  if (pathname === "/lenet.safetensors") return new Response(file);
  return new Response(`<!doctype html><title>Fulgurite</title><link rel="icon" href="data:,">`, {
    headers: { "content-type": "text/html" },
  });
};

browserTest("ops and their gradients in Chromium equal the headless ones", async ({ page }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    const results = await page.evaluate<OpResults>("import('/program.js').then((program) => program.runOps())");
    const expected = await runOps();
    assertEquals(Object.keys(results), Object.keys(expected));
    for (const [name, tensors] of Object.entries(expected)) {
      assertEquals(results[name].length, tensors.length, name);
      for (const [i, one] of tensors.entries()) assertClose(name, results[name][i], one);
    }
  });
});

browserTest("a safetensors file that a page fetches is read, and its tensors reach the device", async ({ page }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    const sums = await page.evaluate<Record<string, Numbers>>(`(async () => {
      const [program, response] = await Promise.all([import("/program.js"), fetch("/lenet.safetensors")]);
      return await program.sumSafetensors(new Uint8Array(await response.arrayBuffer()));
    })()`);
    const expected = await sumSafetensors(file);
    assert(Object.keys(expected).length > 20);
    assertEquals(Object.keys(sums), Object.keys(expected));
    for (const [name, one] of Object.entries(expected)) {
      assertEquals(sums[name].shape, one.shape);
      // Sums may cancel: 1e-5 absolute, for at most 1,000 elements of about 1.
      assert(Math.abs(sums[name].data[0] - one.data[0]) < 1e-5 * Math.max(1, Math.abs(one.data[0])), name);
    }
  });
});
