import { gradEnabled, noGrad } from "../../tensor/grad_mode.ts";
import { applyAll, type GradContext, type Inputs, type Op, type Spec } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Family, family } from "../_family.ts";
import { launch } from "../_run.ts";
import { recurrent as recurrentKernel, recurrentGrad } from "../_wgsl.ts";
import { cat } from "../cat/cat.ts";
import { add } from "../elementwise/arithmetic.ts";
import { copyInto } from "../elementwise/copy_into.ts";
import { reshape } from "../layout/reshape.ts";
import { narrow, select } from "../layout/slice.ts";
import { transpose } from "../layout/views.ts";
import { matmul } from "../matmul/matmul.ts";
import { temporary } from "../reduce/_reduce.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { type Cell, type CellKind, CELLS } from "./_cells.ts";

/** How a sequence is walked through. */
export interface RecurrentAttrs {
  /** How a state becomes the next. */
  readonly kind: CellKind;
  /** From the last time to the first. */
  readonly reversed: boolean;
  /** The axis of time in gates and states: 0 or 1. */
  readonly axis: 0 | 1;
  /** Whether the state is multiplied by a kernel of its own; by default where that is much work. */
  readonly apart?: boolean;
}

/** Gates [time, batch, gates · hidden], and the start [batch, inner]: inputs 0 and 1. */
interface Sizes {
  readonly time: number;
  readonly batch: number;
  readonly hidden: number;
  readonly inner: number;
  readonly cell: Cell;
}

function sizesOf(x: Pick<Spec, "shape">, h0: Pick<Spec, "shape">, { kind, axis }: RecurrentAttrs): Sizes {
  const cell = CELLS[kind];
  const [time, batch] = axis === 0 ? x.shape : [x.shape[1], x.shape[0]];
  return { time, batch, hidden: x.shape[2] / cell.gates, inner: h0.shape[1], cell };
}

/** Times in the order of the walk. */
function times({ time }: Sizes, { reversed }: RecurrentAttrs): number[] {
  return Array.from({ length: time }, (_, i) => reversed ? time - 1 - i : i);
}

/** Where time `t` starts and how far apart its rows are, when a row of one time has `width` elements. */
function strides({ time, batch }: Sizes, { axis }: RecurrentAttrs, width: number) {
  return axis === 0
    ? { at: (t: number) => t * batch * width, row: width }
    : { at: (t: number) => t * width, row: time * width };
}

/** Workgroups: so many invocations along the units, and four rows each. */
function workgroups({ batch, hidden }: Sizes): { group: number; unit_groups: number; count: number } {
  const group = family() === "lanes" ? 8 : hidden <= 32 ? 32 : 64;
  const unit_groups = Math.ceil(hidden / group);
  return { group, unit_groups, count: unit_groups * Math.ceil(batch / 4) };
}

/**
 * From so many products a time on, the state's share of the gates is a matrix product of its own: tiles pay for a
 * second dispatch then.
 */
const APART: Readonly<Record<Family, number>> = { lanes: 2 ** 19, groups: 2 ** 23 };

/** Whether the state is multiplied by a kernel of its own. */
function multipliesApart({ batch, hidden, inner, cell }: Sizes, { apart }: RecurrentAttrs): boolean {
  return apart ?? batch * inner * hidden * cell.gates >= APART[family()];
}

/** The product of one time's rows and a weight, computed now. */
function productAt(states: Tensor, axis: 0 | 1, time: number, weight: Tensor): Tensor {
  return noGrad(() => {
    using rows = select(states, { dim: axis, index: time });
    return matmul(rows, weight);
  });
}

const flag = (value: boolean) => value ? 1 : 0;

/**
 * Walks through a sequence, one dispatch a time: inputs are the input's share of the gates, the first state, the first
 * cell (LSTM only), the weight [gates · hidden, inner], a bias that is added to its product (none for an LSTM), and for
 * each row how many times it has; later ones keep its state. Outputs are the states, what backward reads, and the last
 * cell (LSTM only).
 */
const recurrentOp: Op<RecurrentAttrs, readonly Spec[]> = {
  name: "recurrent",
  precision: "full",
  infer: ([x, h0], attrs) => {
    const { time, batch, hidden, cell } = sizesOf(x!, h0!, attrs);
    const lead = attrs.axis === 0 ? [time, batch] : [batch, time];
    return [
      { shape: [...lead, hidden], dtype: "f32" },
      { shape: [time, batch, cell.saves, hidden], dtype: "f32" },
      ...(cell.cell ? [{ shape: [batch, hidden], dtype: "f32" as const }] : []),
    ];
  },
  forward: ([x, h0, c0, weight, bias, lengths], attrs, [y, saved, c]) => {
    const sizes = sizesOf(x!, h0!, attrs);
    const { batch, hidden, inner, cell } = sizes;
    const apart = multipliesApart(sizes, attrs);
    using columns = noGrad(() => transpose(weight!, 0, 1));
    using w = noGrad(() => apart ? columns : add(columns, 0));
    const { group, unit_groups, count } = workgroups(sizes);
    const from = strides(sizes, attrs, cell.gates * hidden), to = strides(sizes, attrs, hidden);
    const spare = c ? null : temporary([1], "f32", "recurrent");
    const buffers = { x: x!, h0: h0!, c0: c0 ?? bias ?? h0!, lengths: lengths ?? h0!, y, c: c ?? spare!, saved };
    const overrides = {
      group,
      gates: cell.gates,
      saves: cell.saves,
      has_cell: flag(cell.cell),
      has_bias: flag(bias !== null),
      has_lengths: flag(lengths !== null),
      multiplied: flag(apart),
      square: flag(inner === hidden),
    };
    let last: number | null = null;
    for (const t of times(sizes, attrs)) {
      using product = !apart ? null : last === null ? noGrad(() => matmul(h0!, w)) : productAt(y, attrs.axis, last, w);
      launch(
        recurrentKernel,
        { ...buffers, w: product ?? w },
        {
          time: t,
          batch,
          hidden,
          inner,
          unit_groups,
          x_at: from.at(t),
          x_row: from.row,
          y_at: to.at(t),
          y_row: to.row,
          before: last === null ? 0 : to.at(last),
          saved_at: t * batch * cell.saves * hidden,
        },
        count,
        { overrides: { ...overrides, first: flag(last === null) }, functions: cell.forward },
      );
      last = t;
    }
    spare?.dispose();
  },
  saves: { inputs: [1, 3, 5], outputs: [0, 1] },
  grad: (_, context, attrs) => {
    if (gradEnabled()) {
      throw new Error(
        `Cannot differentiate the gradient of ${attrs.kind}: recurrent layers have no second derivative, ` +
          "a loop over their cells' formulas has",
      );
    }
    return gradients(context, attrs);
  },
};

/** Sizes that backward cannot see in its inputs. */
interface GradAttrs extends RecurrentAttrs {
  /** The shape of the gates. */
  readonly shape: readonly number[];
  readonly inner: number;
}

/**
 * Gradients of the gates from those of the states and of the last cell, and what is left for the first state and cell.
 */
const recurrentGradOp: Op<GradAttrs, readonly Spec[]> = {
  name: "recurrentGrad",
  infer: ([, , , saved], { kind, shape }) => {
    const [, batch, , hidden] = saved!.shape;
    const { own, cell } = CELLS[kind];
    const f32 = (sizes: readonly number[]) => ({ shape: sizes, dtype: "f32" as const });
    return [f32(shape), f32([batch, hidden]), f32(own ? shape : [1]), f32(cell ? [batch, hidden] : [1])];
  },
  forward: ([dy, dcell, weight, saved, lengths], attrs, [dgates, dh, dx, dc]) => {
    const sizes = sizesOf(dgates, { shape: [0, attrs.inner] }, attrs);
    const { batch, hidden, cell } = sizes;
    const apart = multipliesApart(sizes, attrs);
    if (cell.cell) copyInto(dc, dcell ?? 0);
    const { group, unit_groups, count } = workgroups(sizes);
    const from = strides(sizes, attrs, hidden), to = strides(sizes, attrs, cell.gates * hidden);
    const buffers = { dy: dy ?? saved!, saved: saved!, lengths: lengths ?? saved!, dgates, dx, dh, dc };
    const overrides = {
      group,
      gates: cell.gates,
      saves: cell.saves,
      has_dy: flag(dy !== null),
      has_cell: flag(cell.cell),
      has_own: flag(cell.own),
      has_lengths: flag(lengths !== null),
      multiplied: flag(apart),
    };
    let after: number | null = null;
    for (const t of times(sizes, attrs).reverse()) {
      using product = apart && after !== null ? productAt(dgates, attrs.axis, after, weight!) : null;
      launch(
        recurrentGrad,
        { ...buffers, w: product ?? weight! },
        {
          time: t,
          batch,
          hidden,
          inner: attrs.inner,
          unit_groups,
          dy_at: from.at(t),
          dy_row: from.row,
          gates_at: to.at(t),
          gates_after: after === null ? 0 : to.at(after),
          gates_row: to.row,
          saved_at: t * batch * cell.saves * hidden,
        },
        count,
        { overrides: { ...overrides, last: flag(after === null) }, functions: cell.backward },
      );
      after = t;
    }
  },
  // Reached without gradients recorded only: recurrentOp refuses others.
  grad: null,
};

function gradients(context: GradContext, attrs: RecurrentAttrs): Inputs {
  const { needs, inputs, dys } = context;
  const h0 = context.x(1), weight = context.x(3), y = context.output(0);
  const { shape } = inputs[0]!, { axis, reversed } = attrs;
  const { time, inner, cell } = sizesOf(inputs[0]!, inputs[1]!, attrs);
  const [dgates, dh, dx, dc] = applyAll(
    recurrentGradOp,
    [dys[0], cell.cell ? dys[2] ?? null : null, weight, context.output(1), inputs[5] ? context.x(5) : null],
    { ...attrs, shape, inner },
  );
  const flat = (t: Tensor) => reshape(t, [-1, t.shape[2]]);
  const first = reversed ? time - 1 : 0;
  const stateGrad = () => {
    const through = matmul(select(dgates, { dim: axis, index: first }), weight);
    // What went past the gates: all of it, but where the weight makes states of another width (and nothing does).
    return inner === dh.shape[1] ? add(through, dh) : through;
  };
  const weightGrad = () => {
    const start = reshape(h0, axis === 0 ? [1, ...h0.shape] : [h0.shape[0], 1, inner]);
    const rest = time === 1 ? [] : [narrow(y, { dim: axis, start: reversed ? 1 : 0, length: time - 1 })];
    const before = cat(reversed ? [...rest, start] : [start, ...rest], { dim: axis });
    return matmul(transpose(flat(dgates), 0, 1), flat(before));
  };
  return [
    needs[0] ? (cell.own ? dx : dgates) : null,
    needs[1] ? stateGrad() : null,
    needs[2] ? dc : null,
    needs[3] ? weightGrad() : null,
    needs[4] ? sumTo(flat(dgates), inputs[4]!.shape) : null,
    null,
  ];
}

/** What {@link recurrent} walks through. */
export interface Sequence {
  /** The input's share of the gates: [time, batch, gates · hidden], or with `axis` 1 [batch, time, gates · hidden]. */
  readonly gates: Tensor;
  /** The first state, [batch, inner]. */
  readonly h0: Tensor;
  /** The first cell, [batch, hidden]; of an LSTM. */
  readonly c0: Tensor | null;
  /** [gates · hidden, inner]; inner is hidden where there is more than one time. */
  readonly weight: Tensor;
  /** Added to the product of state and weight, [gates · hidden]. */
  readonly bias: Tensor | null;
  /** How many times a row has, i32 [batch]; later ones keep its state. */
  readonly lengths: Tensor | null;
}

/**
 * Walks through a sequence with one kernel a time, which multiplies the state and makes the next one of it. Callers see
 * to it that shapes fit and that there is at least one time.
 *
 * @returns The states, [time, batch, hidden] or [batch, time, hidden], and an LSTM's last cell
 */
export function recurrent(
  { gates, h0, c0, weight, bias, lengths }: Sequence,
  attrs: RecurrentAttrs,
): { states: Tensor; cell: Tensor | null } {
  const [states, saved, cell] = applyAll(recurrentOp, [gates, h0, c0, weight, bias, lengths], attrs);
  saved.dispose();
  return { states, cell: cell ?? null };
}
