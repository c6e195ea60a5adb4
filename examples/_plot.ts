/** Curves as SVG: what the examples draw of their losses. */

/** A line of a chart. */
export interface Series {
  /** What the legend calls it. */
  readonly name: string;
  /** Places, from left to right; those that are not finite are left out. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What a chart says and how large it is. */
export interface ChartOptions {
  /** The heading. */
  title: string;
  /** What x counts; default `"step"`. */
  xLabel?: string;
  /** Pixels; default 640. */
  width?: number;
  /** Pixels; default 360. */
  height?: number;
}

const COLOURS = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1"];
const MARGIN = { left: 56, right: 16, top: 36, bottom: 40 };

/** A round distance of about `range / count` for the marks of an axis: 1, 2 or 5 times a power of ten. */
function tickStep(range: number, count: number): number {
  const raw = range / count, power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5].find((m) => m * power >= raw) ?? 10) * power;
}

/** Round numbers from `low` to `high`. */
function ticks(low: number, high: number, count: number): number[] {
  const step = tickStep(high - low || 1, count);
  const first = Math.ceil(low / step);
  return Array.from(
    { length: Math.floor(high / step) - first + 1 },
    (_, i) => Number(((first + i) * step).toPrecision(6)),
  );
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A chart of lines as the text of an SVG file. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const { title, xLabel = "step", width = 640, height = 360 } = options;
  const lines = series.map(({ name, points }) => ({
    name,
    points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  })).filter(({ points }) => points.length > 0);
  const all = lines.flatMap(({ points }) => points);
  const bounds = (values: number[]) =>
    values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
  const [left, right] = all.length === 0 ? [0, 1] : bounds(all.map(([x]) => x));
  const [, top] = all.length === 0 ? [0, 1] : bounds(all.map(([, y]) => y));
  const bottom = Math.min(0, ...bounds(all.map(([, y]) => y)).slice(0, 1).filter(Number.isFinite));
  const plot = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const px = (x: number) => (MARGIN.left + plot.width * (x - left) / (right - left || 1)).toFixed(1);
  const py = (y: number) => (MARGIN.top + plot.height * (1 - (y - bottom) / (top - bottom || 1))).toFixed(1);
  const parts = [
    `<text x="${width / 2}" y="20" text-anchor="middle" font-size="14">${escaped(title)}</text>`,
    ...ticks(bottom, top, 5).map((y) =>
      `<path d="M${MARGIN.left} ${py(y)}H${width - MARGIN.right}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 6}" y="${Number(py(y)) + 4}" text-anchor="end">${y}</text>`
    ),
    ...ticks(left, right, 6).map((x) =>
      `<text x="${px(x)}" y="${height - MARGIN.bottom + 16}" text-anchor="middle">${x}</text>`
    ),
    `<text x="${width / 2}" y="${height - 6}" text-anchor="middle">${escaped(xLabel)}</text>`,
    ...lines.map(({ name, points }, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const path = points.map(([x, y], k) => `${k === 0 ? "M" : "L"}${px(x)} ${py(y)}`).join("");
      return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>` +
        `<text x="${width - MARGIN.right}" y="${MARGIN.top + 12 + 16 * i}" text-anchor="end" fill="${colour}">${
          escaped(name)
        }</text>`;
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n${
      parts.join("\n")
    }\n</svg>\n`;
}

/** The columns of a `CSVLogger`'s file as lines over its steps: those that exist and have a value. */
export function metricSeries(csv: string, names: readonly string[]): Series[] {
  const [header = "", ...rows] = csv.trim().split("\n");
  const columns = header.split(","), step = columns.indexOf("step");
  const cells = rows.map((row) => row.split(","));
  return names.filter((name) => columns.includes(name)).map((name) => {
    const at = columns.indexOf(name);
    return {
      name,
      points: cells.filter((row) => row[at] !== "" && row[at] !== undefined)
        .map((row) => [Number(row[step]), Number(row[at])] as const),
    };
  });
}

/** Draws columns of a `CSVLogger`'s file into an SVG file. */
export async function plotMetrics(
  csvPath: string,
  svgPath: string,
  names: readonly string[],
  options: ChartOptions,
): Promise<void> {
  const csv = await Deno.readTextFile(csvPath);
  await Deno.writeTextFile(svgPath, lineChart(metricSeries(csv, names), options));
}
