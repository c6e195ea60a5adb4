/**
 * PyTorch's names, section by section, one a line: `name`, `name = ours` where ours is not the name in camelCase, a
 * kind after a colon where it is not the section's, and `! reason` for what is left out on purpose.
 *
 * Kinds: `float` (f32, f16, bf16, with gradient), `number` (whole numbers too), `any` (booleans too), `none` (any type,
 * no gradient), `int` (whole numbers), `host` (any type; a promise, since the host waits for the result), `new` (makes
 * a tensor).
 */
export const KINDS: Readonly<Record<string, { dtypes: string; gradient: string }>> = {
  float: { dtypes: "f32 f16 bf16", gradient: "yes" },
  number: { dtypes: "floats, i32, u32", gradient: "yes" },
  any: { dtypes: "all", gradient: "yes" },
  none: { dtypes: "all", gradient: "none" },
  int: { dtypes: "i32, u32, bool", gradient: "none" },
  host: { dtypes: "all", gradient: "none" },
  new: { dtypes: "all", gradient: "leaf" },
};

/** A section: where its names are looked up, and the kind of those without one. */
export interface Section {
  readonly title: string;
  readonly from: "core" | "nn" | "optim" | "init";
  readonly kind: string;
  readonly names: string;
}

export const SECTIONS: readonly Section[] = [
  {
    title: "torch functions and tensor methods",
    from: "core",
    kind: "number",
    names: `
abs
absolute = abs
acos: float
acosh: float
add
addbmm: float
addcdiv: float
addcmul
addmm: float
addmv: float
addr: float
all: none
allclose: host
amax
amin
aminmax
angle ! no complex numbers
any: none
arange: new
arccos = acos: float
arccosh = acosh: float
arcsin = asin: float
arcsinh = asinh: float
arctan = atan: float
arctan2 = atan2: float
arctanh = atanh: float
argmax: none
argmin: none
argsort: none
argwhere = nonzero: host
as_strided ! tensors are contiguous; use slice, permute, unfoldDim
asin: float
asinh: float
atan: float
atan2: float
atanh: float
baddbmm: float
bernoulli: new
bincount: int
bitwise_and: int
bitwise_left_shift: int
bitwise_not: int
bitwise_or: int
bitwise_right_shift: int
bitwise_xor: int
block_diag: any
bmm: float
broadcast_tensors: any
broadcast_to = expand: any
bucketize: none
cartesian_prod: any
cat: any
cdist: float
ceil: float
cholesky_solve: float
chunk: any
clamp
clip = clamp
clamp_min = clamp
clamp_max = clamp
clone: any
column_stack = hstack: any
combinations: any
complex ! no complex numbers
concat = cat: any
copysign: float
corrcoef: float
cos: float
cosh: float
count_nonzero: none
cov: float
cross
cummax
cummin
cumprod
cumsum
cumulative_trapezoid: float
deg2rad: float
det: float
detach: any
diag: any
diag_embed: any
diagonal: any
diagonal_scatter: any
diff
digamma: float
dist: float
div: number
dot: float
dsplit = tensorSplit: any
dstack: any
einsum: float
empty = zeros: new
empty_like = zerosLike: new
eq: none
equal: host
erf: float
erfc: float
erfinv: float
exp: float
exp2: float
expand: any
expand_as: any
expm1: float
eye: new
fft ! no complex numbers
flatten: any
flip: any
fliplr: any
flipud: any
float_power = pow: float
floor: float
floor_divide = div: number
fix = trunc: float
fmax
fmin
fmod: number
frac: float
frexp ! two results for one kernel that nothing trains with
full: new
full_like: new
gather: any
gcd: int
ge: none
gradient: float
gt: none
heaviside: none
histc: none
histogram = histc: none
hsplit = tensorSplit: any
hstack: any
hypot: float
igamma ! the incomplete gamma function is no part of a loss here; lgamma, digamma and polygamma are there
index_add
index_copy: any
index_fill: any
index_reduce
index_put: any
index_select: any
inner: float
inverse: float
isclose: none
isfinite: none
isin: none
isinf: none
isnan: none
isneginf: none
isposinf: none
isreal ! no complex numbers
item: host
kron
kthvalue
lcm: int
ldexp: float
le: none
lerp: float
lgamma: float
linspace: new
log: float
log10: float
log1p: float
log2: float
logaddexp: float
logaddexp2: float
logcumsumexp: float
logdet: float
logical_and: none
logical_not: none
logical_or: none
logical_xor: none
logit: float
logspace: new
logsumexp: float
lt: none
masked_fill: any
masked_scatter: any
masked_select: host
matmul: float
matrix_exp ! matrixPower and solve make its series or quotients where one is wanted
matrix_power: float
max
maximum
mean: float
median
meshgrid: any
min
minimum
mm: float
msort = sort
mode
moveaxis = movedim: any
movedim: any
mul
multigammaln: float
multinomial: none
multiply = mul
mv: float
nan_to_num: float
nanmean: float
nanmedian
nanquantile: float
nansum
narrow: any
ne: none
neg
negative = neg
new_zeros = zerosLike: new
nextafter ! the neighbour of a number in f32 is no training operation
nonzero: host
norm: float
normal: new
numel: any
ones: new
ones_like: new
outer
pdist = pdist: float
permute: any
poisson ! its sampler loops without a bound, and no layer or loss draws counts
polar ! no complex numbers
polygamma: float
pow: float
prod
put: any
quantile: float
rad2deg: float
rand: new
rand_like: new
randint: new
randint_like: new
randn: new
randn_like: new
randperm: new
ravel = flatten: any
reciprocal: float
relu: number
remainder
renorm: float
repeat: any
repeat_interleave: any
reshape: any
roll: any
rot90: any
round: float
rsqrt: float
scatter: any
scatter_add
scatter_reduce
searchsorted: none
select: any
select_scatter: any
sgn = sign
sigmoid: float
sign
signbit: none
sin: float
sinc: float
sinh: float
slice_scatter: any
slogdet: float
softmax: float
sort
split: any
sqrt: float
square
squeeze: any
stack: any
std: float
std_mean: float
sub
subtract = sub
sum
svd ! no layer, loss or optimizer here needs it; qr, cholesky and lstsq are there
swapaxes = transpose: any
swapdims = transpose: any
t: any
take: any
take_along_dim: any
tan: float
tanh: float
tensor: new
tensor_split: any
tensordot: float
tile: any
to: any
topk
trace
transpose: any
trapezoid: float
trapz = trapezoid: float
tril: any
tril_indices: new
triu: any
triu_indices: new
true_divide = div: float
trunc: float
type_as = to: any
unbind: any
unflatten: any
unfold (Tensor) = unfoldDim: any
unique: host
unique_consecutive: host
unsqueeze: any
vander: float
var: float
var_mean: float
vdot = dot: float
view = reshape: any
view_as = reshape: any
vsplit = tensorSplit: any
vstack: any
where: any
xlogy: float
zeros: new
zeros_like: new
linalg.vector_norm = norm: float
linalg.matrix_norm = matrixNorm: float
linalg.multi_dot = multiDot: float
linalg.cholesky = cholesky: float
linalg.eigh ! see svd
linalg.lstsq = lstsq: float
linalg.qr = qr: float
linalg.solve = solve: float
linalg.solve_triangular = solveTriangular: float
linalg.slogdet = slogdet: float
linalg.det = det: float
linalg.inv = inverse: float
special.expit = sigmoid: float
special.entr = entr: float
special.ndtr = ndtr: float
special.xlog1py = xlog1py: float
special.gammaln = lgamma: float
special.psi = digamma: float
special.i0 ! Bessel functions belong to signal processing, not to training
special.log_ndtr = logNdtr: float
`,
  },
  {
    title: "torch.nn.functional",
    from: "core",
    kind: "float",
    names: `
adaptive_avg_pool1d
adaptive_avg_pool2d
adaptive_avg_pool3d
adaptive_max_pool1d
adaptive_max_pool2d
adaptive_max_pool3d
affine_grid
alpha_dropout
avg_pool1d
avg_pool2d
avg_pool3d
batch_norm
bilinear
binary_cross_entropy
binary_cross_entropy_with_logits
celu
channel_shuffle
conv1d
conv2d
conv3d
conv_transpose1d
conv_transpose2d
conv_transpose3d
cosine_embedding_loss
cosine_similarity
cross_entropy
ctc_loss
dropout
dropout1d
dropout2d
dropout3d
elu
embedding
embedding_bag
feature_alpha_dropout
fold
fractional_max_pool2d ! windows at random places are not among those that the pools walk; rarely used
gaussian_nll_loss
gelu
glu
grid_sample
group_norm
gumbel_softmax
hardshrink
hardsigmoid
hardswish
hardtanh
hinge_embedding_loss
huber_loss
instance_norm
interpolate
kl_div
l1_loss
layer_norm
leaky_relu
linear
local_response_norm
log_softmax
logsigmoid = logSigmoid
lp_pool1d
lp_pool2d
margin_ranking_loss
max_pool1d
max_pool2d
max_pool3d
max_unpool1d
max_unpool2d
max_unpool3d
mish
mse_loss
multi_head_attention_forward ! nn.MultiheadAttention
multi_margin_loss
multilabel_margin_loss
multilabel_soft_margin_loss
nll_loss
normalize
one_hot: int
pad: any
pairwise_distance
pdist
pixel_shuffle: any
pixel_unshuffle: any
poisson_nll_loss
prelu
relu
relu6
rms_norm
rrelu
scaled_dot_product_attention
selu
sigmoid
silu
smooth_l1_loss
soft_margin_loss
softmax
softmin
softplus
softshrink
softsign
tanh
tanhshrink
threshold
triplet_margin_loss
triplet_margin_with_distance_loss
unfold
upsample = interpolate
utils.rnn.pad_sequence = padSequence: any
utils.rnn.unpad_sequence = unpadSequence: any
torchvision.ops.sigmoid_focal_loss = sigmoidFocalLoss
`,
  },
  {
    title: "torch.nn",
    from: "nn",
    kind: "float",
    names: `
AdaptiveAvgPool1d
AdaptiveAvgPool2d
AdaptiveAvgPool3d
AdaptiveLogSoftmaxWithLoss
AdaptiveMaxPool1d
AdaptiveMaxPool2d
AdaptiveMaxPool3d
AlphaDropout
AvgPool1d
AvgPool2d
AvgPool3d
BCELoss
BCEWithLogitsLoss
BatchNorm1d
BatchNorm2d
BatchNorm3d
Bilinear
CELU
CTCLoss
ChannelShuffle
CircularPad1d
CircularPad2d
CircularPad3d
ConstantPad1d
ConstantPad2d
ConstantPad3d
Conv1d
Conv2d
Conv3d
ConvTranspose1d
ConvTranspose2d
ConvTranspose3d
CosineEmbeddingLoss
CosineSimilarity
CrossEntropyLoss
Dropout
Dropout1d
Dropout2d
Dropout3d
ELU
Embedding
EmbeddingBag
FeatureAlphaDropout
Flatten
Fold
FractionalMaxPool2d ! see the function
GELU
GLU
GRU
GRUCell
GaussianNLLLoss
GroupNorm
Hardshrink
Hardsigmoid
Hardswish
Hardtanh
HingeEmbeddingLoss
HuberLoss
Identity
InstanceNorm1d
InstanceNorm2d
InstanceNorm3d
KLDivLoss
L1Loss
LPPool1d
LPPool2d
LSTM
LSTMCell
LayerNorm
LazyLinear ! sizes are given: parameters exist before the first batch
LeakyReLU
Linear
LocalResponseNorm
LogSigmoid
LogSoftmax
MSELoss
MarginRankingLoss
MaxPool1d
MaxPool2d
MaxPool3d
MaxUnpool1d
MaxUnpool2d
MaxUnpool3d
Mish
Module
ModuleDict
ModuleList
MultiLabelMarginLoss
MultiLabelSoftMarginLoss
MultiMarginLoss
MultiheadAttention
NLLLoss
PReLU
PairwiseDistance
Parameter
ParameterDict
ParameterList
PixelShuffle
PixelUnshuffle
PoissonNLLLoss
RMSNorm
RNN
RNNCell
RReLU
ReLU
ReLU6
ReflectionPad1d
ReflectionPad2d
ReflectionPad3d
ReplicationPad1d
ReplicationPad2d
ReplicationPad3d
SELU
Sequential
SiLU
Sigmoid
SmoothL1Loss
SoftMarginLoss
Softmax
Softmax2d
Softmin
Softplus
Softshrink
Softsign
SyncBatchNorm ! there is one device
Tanh
Tanhshrink
Threshold
Transformer
TransformerDecoder
TransformerDecoderLayer
TransformerEncoder
TransformerEncoderLayer
TripletMarginLoss
TripletMarginWithDistanceLoss
Unflatten
Unfold
Upsample
UpsamplingBilinear2d
UpsamplingNearest2d
ZeroPad1d
ZeroPad2d
ZeroPad3d
utils.parameters_to_vector = parametersToVector
utils.vector_to_parameters = vectorToParameters
utils.parametrize.register_parametrization = registerParametrization
utils.parametrize.remove_parametrizations = removeParametrizations
utils.parametrize.is_parametrized = isParametrized
utils.prune ! a parametrization with a mask, see Parametrization
utils.rnn.pack_padded_sequence ! forward takes lengths
utils.spectral_norm = spectralNorm
utils.weight_norm = weightNorm
`,
  },
  {
    title: "torch.nn.init",
    from: "init",
    kind: "new",
    names: `
calculate_gain
constant_ = constant
dirac_ = dirac
eye_ = eye
kaiming_normal_ = kaimingNormal
kaiming_uniform_ = kaimingUniform
normal_ = normal
ones_ = ones
orthogonal_ = orthogonal
sparse_ = sparse
trunc_normal_ = truncNormal
uniform_ = uniform
xavier_normal_ = xavierNormal
xavier_uniform_ = xavierUniform
zeros_ = zeros
`,
  },
  {
    title: "torch.optim and torch.optim.lr_scheduler",
    from: "optim",
    kind: "float",
    names: `
ASGD
Adadelta
Adafactor
Adagrad
Adam
AdamW
Adamax
LBFGS
Lamb (not PyTorch's) = Lamb
Lion (not PyTorch's) = Lion
Muon
NAdam
RAdam
RMSprop
Rprop
SGD
SparseAdam ! gradients of embeddings are dense, and summed in a fixed order
swa_utils.AveragedModel = AveragedModel
swa_utils.SWALR = SWALR
swa_utils.update_bn = updateBn
amp.GradScaler = GradScaler
utils.clip_grad_norm_ = clipGradNorm
utils.clip_grad_value_ = clipGradValue
ChainedScheduler
ConstantLR
CosineAnnealingLR
CosineAnnealingWarmRestarts
CyclicLR
ExponentialLR
LambdaLR
LinearLR
MultiStepLR
MultiplicativeLR
OneCycleLR
PolynomialLR
ReduceLROnPlateau
SequentialLR
StepLR
`,
  },
];
