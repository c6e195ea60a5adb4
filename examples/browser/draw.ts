/** Draws a loss curve: the values faintly, their running mean boldly, on a logarithmic axis. */
export function drawCurve(canvas: HTMLCanvasElement, points: readonly (readonly [number, number])[]): void {
  const context = canvas.getContext("2d")!;
  const { width, height } = canvas;
  const style = getComputedStyle(canvas);
  const left = 90, bottom = 50, top = 20;
  context.clearRect(0, 0, width, height);
  context.font = "24px system-ui, sans-serif";
  const values = points.map(([, value]) => Math.log10(Math.max(value, 1e-4)));
  const low = Math.floor(Math.min(...values, -1)), high = Math.ceil(Math.max(...values, 0));
  const last = Math.max(points.at(-1)?.[0] ?? 1, 1);
  const x = (step: number) => left + (width - left - 20) * step / last;
  const y = (logarithm: number) => top + (height - top - bottom) * (high - logarithm) / (high - low);
  context.strokeStyle = context.fillStyle = style.color;
  context.globalAlpha = 0.5;
  context.lineWidth = 1;
  for (let power = low; power <= high; power++) {
    context.fillText(String(10 ** power), 10, y(power) + 8);
    line(context, [[left, y(power)], [width - 20, y(power)]]);
  }
  context.fillText(`${last} steps`, width - 160, height - 12);
  context.strokeStyle = style.getPropertyValue("--line");
  context.globalAlpha = 0.35;
  line(context, points.map(([step], i) => [x(step), y(values[i])]));
  context.globalAlpha = 1;
  context.lineWidth = 4;
  let mean = values[0] ?? 0;
  line(context, points.map(([step], i) => [x(step), y(mean = 0.9 * mean + 0.1 * values[i])]));
}

function line(context: CanvasRenderingContext2D, points: readonly (readonly number[])[]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

/** A canvas with a 28×28 image of bytes. */
export function drawDigit(pixels: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(28, 28);
  pixels.forEach((value, i) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}
