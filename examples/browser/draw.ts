/** Drawing: a loss curve, and digits. */

/** A step and its loss. */
export type Point = readonly [step: number, loss: number];

/** How many values a whole curve's running mean tells apart; a curve with fewer is drawn as it is. */
const DETAIL = 30;

/**
 * Draws a loss curve on a logarithmic axis: the values faintly, their running mean boldly.
 *
 * @param canvas Where; its pixels are made to fit its size on the screen
 * @param points The losses so far, by step
 * @param steps Steps that the axis reaches to
 */
export function drawCurve(canvas: HTMLCanvasElement, points: readonly Point[], steps: number): void {
  const context = canvas.getContext("2d");
  if (context === null) return; // a canvas that the page took for something else; there is nothing to draw on
  const scale = globalThis.devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name);

  const losses = points.map(([, loss]) => loss).filter((loss) => loss > 0 && Number.isFinite(loss));
  const least = Math.min(...losses, 1), greatest = Math.max(...losses, 2);
  const bottomPower = Math.log10(least) - 0.1, topPower = Math.log10(greatest) + 0.1;
  const left = 44, right = 8, top = 8, bottom = 24;
  const x = (step: number) => left + (width - left - right) * step / Math.max(steps, 1);
  const y = (loss: number) => top + (height - top - bottom) * (topPower - Math.log10(loss)) / (topPower - bottomPower);

  context.font = "12px system-ui, sans-serif";
  context.strokeStyle = colour("--edge");
  context.fillStyle = colour("--soft");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const loss of ticks(least, greatest)) {
    if (y(loss) < top || y(loss) > height - bottom) continue;
    context.fillText(String(loss), left - 8, y(loss));
    line(context, [[left, Math.round(y(loss)) + 0.5], [width - right, Math.round(y(loss)) + 0.5]]);
  }
  context.textBaseline = "bottom";
  const apart = stepsApart(steps, width);
  for (let step = 0; step <= steps; step += apart) {
    context.textAlign = x(step) > width - 24 ? "right" : "center";
    context.fillText(step.toLocaleString("en"), Math.min(x(step), width), height);
  }

  context.strokeStyle = colour("--line");
  context.lineJoin = "round";
  context.globalAlpha = 0.3;
  line(context, points.map(([step, loss]) => [x(step), y(loss)]));
  context.globalAlpha = 1;
  context.lineWidth = 2.5;
  const expected = steps * points.length / Math.max(points.at(-1)?.[0] ?? 1, 1);
  const fresh = Math.min(1, DETAIL / Math.max(expected, 1));
  let mean = points[0]?.[1] ?? 0;
  line(context, points.map(([step, loss]) => [x(step), y(mean += fresh * (loss - mean))]));
}

/** Losses to write beside the axis: 1, 2 and 5 times each power of ten; less of them where the axis is long. */
function ticks(least: number, greatest: number): number[] {
  const low = Math.floor(Math.log10(least)), high = Math.ceil(Math.log10(greatest));
  const factors = high - low > 3 ? [1] : [1, 2, 5];
  return Array.from({ length: high - low + 1 }, (_, i) => factors.map((f) => Number(`${f}e${low + i}`))).flat();
}

/** How far apart steps are written below the axis: about one every 80 pixels, at round numbers. */
function stepsApart(steps: number, width: number): number {
  const least = steps * 80 / width;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((apart) => apart >= least) ?? 1;
}

function line(context: CanvasRenderingContext2D, points: readonly (readonly number[])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

/** A picture of 28×28 bytes: black where they are white, transparent where they are black. */
export function drawDigit(pixels: Uint8Array): HTMLImageElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const data = new ImageData(28, 28);
  pixels.forEach((value, i) => data.data[4 * i + 3] = value);
  canvas.getContext("2d")?.putImageData(data, 0, 0);
  const image = new Image(28, 28);
  image.src = canvas.toDataURL();
  image.alt = "A handwritten digit";
  return image;
}
