// Folds a value of each invocation over the `width` neighbours that share a row, in a workgroup of 256; all get the result.
// The kernel declares `Leaf`, the type of the values, and `join`, which combines two of them.
override width: u32 = 256u;

var<workgroup> tree: array<Leaf, 256>;

fn fold_tree(lane: u32, value: Leaf) -> Leaf {
  // The first barrier keeps a faster invocation from overwriting what a slower one still reads of an earlier fold.
  workgroupBarrier();
  tree[lane] = value;
  workgroupBarrier();
  for (var half = width / 2u; half > 0u; half /= 2u) {
    if (lane % width < half) {
      tree[lane] = join(tree[lane], tree[lane + half]);
    }
    workgroupBarrier();
  }
  return tree[lane - lane % width];
}
