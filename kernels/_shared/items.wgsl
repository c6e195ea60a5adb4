// An item is one element or four neighbours at once; a row is what stands for the items of a row: four neighbouring rows
// where the items lie across them. These types and functions are replaced together.
alias Item = f32;
alias Bits = u32;
alias Row = f32;
alias RowBits = u32;

fn fold_sum(v: Item) -> Row {
  return v;
}

fn fold_max(v: Item) -> Row {
  return v;
}

fn fold_bits(v: Bits) -> RowBits {
  return v;
}

const lowest = -0x1.fffffep+127f;
const infinity_bits = 0x7f800000u;
const nan_bits = 0x7fc00000u;

fn magnitude(v: Item) -> Bits {
  return bitcast<Bits>(v) & Bits(0x7fffffffu);
}

// `value` where `wrong` is 0, NaN elsewhere: by bits, since compilers may assume that NaN does not occur.
fn poison(value: Row, wrong: RowBits) -> Row {
  return bitcast<Row>(select(bitcast<RowBits>(value), RowBits(nan_bits), wrong != RowBits(0u)));
}
