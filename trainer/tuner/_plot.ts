/** Size of the picture, and room for the axes' labels. */
const WIDTH = 640, HEIGHT = 400, LEFT = 70, RIGHT = 20, TOP = 36, BOTTOM = 50;

/**
 * A curve of losses over learning rates, as SVG.
 *
 * @param lrs The rates
 * @param losses The losses
 * @param suggestion A rate to mark, or `null`
 * @param logarithmic Whether the axis of rates is
 */
export function drawLearningRates(
  lrs: readonly number[],
  losses: readonly number[],
  suggestion: number | null,
  logarithmic: boolean,
): string {
  const scale = (lr: number) => logarithmic ? Math.log10(lr) : lr;
  const points = lrs.map((lr, i) => [scale(lr), losses[i]] as const).filter(([, loss]) => Number.isFinite(loss));
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const x = (value: number) => LEFT + (value - x0) / (x1 - x0 || 1) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - (value - y0) / (y1 - y0 || 1) * (HEIGHT - TOP - BOTTOM);
  const text = (at: readonly [number, number], content: string, anchor = "middle") =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
  const line = (from: readonly [number, number], to: readonly [number, number], color: string) =>
    `<path d="M${from.map(short).join(" ")}L${to.map(short).join(" ")}" stroke="${color}" fill="none"/>`;
  const parts: string[] = [];
  if (points.length > 0) {
    for (const tick of ticks(x0, x1, logarithmic)) {
      parts.push(line([x(tick), TOP], [x(tick), HEIGHT - BOTTOM], "#ddd"));
      parts.push(text([x(tick), HEIGHT - BOTTOM + 18], logarithmic ? `1e${tick}` : short(tick)));
    }
    for (const tick of ticks(y0, y1, false)) {
      parts.push(
        line([LEFT, y(tick)], [WIDTH - RIGHT, y(tick)], "#ddd"),
        text([LEFT - 8, y(tick) + 4], short(tick), "end"),
      );
    }
    const path = points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${short(x(px))} ${short(y(py))}`).join("");
    parts.push(`<path d="${path}" fill="none" stroke="#2a6fb0" stroke-width="2"/>`);
  }
  if (suggestion !== null) {
    const at = lrs.indexOf(suggestion), place = [x(scale(suggestion)), y(losses[at])] as const;
    parts.push(`<circle cx="${short(place[0])}" cy="${short(place[1])}" r="5" fill="#c0392b"/>`);
    parts.push(text([WIDTH / 2, 22], `suggestion: ${suggestion.toPrecision(3)}`));
  }
  parts.push(text([WIDTH / 2, HEIGHT - 10], "learning rate"), text([14, TOP - 12], "loss", "start"));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>\n`;
}

function ticks(from: number, to: number, whole: boolean): number[] {
  const raw = (to - from) / 5 || 1, size = 10 ** Math.floor(Math.log10(raw));
  const step = whole
    ? Math.max(1, Math.round(raw))
    : ([1, 2, 5, 10].find((factor) => factor * size >= raw) ?? 10) * size;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.max(0, Math.floor(to / step + 1e-9) - first + 1);
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}
