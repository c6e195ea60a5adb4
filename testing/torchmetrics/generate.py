"""Values of torchmetrics 1.9 (float64) for options that tests/golden does not have. Writes metrics.json beside itself.

Needs torch, torchmetrics, numpy and nltk: python generate.py
"""
import json
import os
import re
import warnings

import numpy as np
import torch
import torchmetrics

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)
SIZES = [9, 16, 5]
inputs, sets, cases = {}, {}, []


def put(name, arrays):
    """One tensor for each batch, of each argument; floats have three digits, so that they are short and exact in f32."""
    batches = []
    for b, args in enumerate(arrays):
        keys = {}
        for k, a in zip(("preds", "target", "weight") if len(args) > 1 else ("value",), args):
            a = np.asarray(a)
            dtype = "f32" if a.dtype.kind == "f" else "i32"
            a = np.round(a, 3) if dtype == "f32" else a
            key = f"{name}/{b}/{k}"
            inputs[key] = {"dtype": dtype, "shape": list(a.shape), "values": [json_number(v) for v in a.reshape(-1).tolist()]}
            keys[k] = key
        batches.append(keys)
    sets[name] = batches


def json_number(v):
    if isinstance(v, bool) or isinstance(v, int):
        return int(v)
    return v if np.isfinite(v) else "NaN" if np.isnan(v) else "Infinity" if v > 0 else "-Infinity"


def load(key):
    t = inputs[key]
    values = [float(v.replace("Infinity", "inf")) if isinstance(v, str) else v for v in t["values"]]
    a = np.array(values, np.float32 if t["dtype"] == "f32" else np.int64).reshape(t["shape"])
    return torch.from_numpy(a.astype(np.float64) if t["dtype"] == "f32" else a)


def result(v):
    if isinstance(v, torch.Tensor):
        return fix(v.tolist())
    if isinstance(v, (tuple, list)):
        return [result(x) for x in v]
    return fix(v)


def fix(v):
    return [fix(x) for x in v] if isinstance(v, list) else json_number(v)


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), name).replace("max_fpr", "max_fpr")


def case(metric, data, options=None, final=lambda v: v, tolerance=None, name=None):
    options = options or {}
    module = torchmetrics
    for part in metric.split("."):
        module = getattr(module, part)
    m = module(**{snake(k): (tuple(v) if k == "dataRange" and isinstance(v, list) else None if v == "none" and k in ("weights", "normalize") else v) for k, v in options.items()})
    m.set_dtype(torch.float64)
    per_batch, running = [], []
    for batch in sets[data]:
        args = [load(k) for k in batch.values()] if data not in TEXTS else list(batch.values())
        per_batch.append(result(final(m(*args))))
        running.append(result(final(m.compute())))
    ident = name or f"{metric} {data} " + " ".join(f"{k}={v}" for k, v in options.items() if k not in ("numClasses", "numLabels"))
    cases.append({"id": ident.strip(), "metric": metric, "options": options, "data": "text" if data in TEXTS else data, "batches": sets[data],
                  "perBatch": per_batch, "running": running, "final": running[-1], "tolerance": tolerance or {"rtol": 1e-5, "atol": 2e-6}})


TEXTS = {"words": [("hello there world", "hello world"), (["a b c d", "the cat sat"], ["a c d", "the cat sat down"])],
         "translations": [(["the cat sat on the mat today", "it is a small world after all"],
                           [["the cat sat on the mat", "a cat sat on the mat today"], ["it is a small world after all yes"]]),
                          (["one two three four five six"], [["one two three four six"]])]}
for name, batches in TEXTS.items():
    sets[name] = [{"preds": p, "target": t} for p, t in batches]

C, L = 4, 3
put("scores", [(rng.random(n), rng.integers(0, 2, n)) for n in SIZES])
put("logits", [(rng.standard_normal(n) * 2, rng.integers(0, 2, n)) for n in SIZES])
put("ties", [(np.round(rng.random(n), 1), rng.integers(0, 2, n)) for n in SIZES])
put("ignored", [(rng.random((n, 2)), np.where(rng.random((n, 2)) < 0.2, -1, rng.integers(0, 2, (n, 2)))) for n in SIZES])
put("negatives", [(rng.random(n), np.zeros(n, np.int64)) for n in SIZES])
put("positives", [(rng.random(n), np.ones(n, np.int64)) for n in SIZES])
y = [rng.integers(0, C, n) for n in SIZES]
put("classes", [(rng.standard_normal((n, C)) + 1.2 * np.eye(C)[t], t) for n, t in zip(SIZES, y)])
put("classTies", [(np.round(rng.dirichlet(np.ones(C), n), 1), t) for n, t in zip(SIZES, y)])
put("classIgnored", [(rng.standard_normal((n, C)), np.where((rng.random(n) < 0.3) & (np.arange(n) > 1), -100, t)) for n, t in zip(SIZES, y)])
put("rare", [(rng.standard_normal((n, C)), np.minimum(t, 1)) for n, t in zip(SIZES, y)])
put("labels", [(rng.integers(0, C, n), t) for n, t in zip(SIZES, y)])
put("images", [(rng.standard_normal((n, C, 2, 3)), rng.integers(0, C, (n, 2, 3))) for n in (3, 2)])
put("multilabel", [(rng.random((n, L)), rng.integers(0, 2, (n, L))) for n in SIZES])
put("multilabelLogits", [(rng.standard_normal((n, L, 2)) * 2, rng.integers(0, 2, (n, L, 2))) for n in SIZES])
put("multilabelIgnored", [(rng.random((n, L)), np.where(rng.random((n, L)) < 0.2, -1, rng.integers(0, 2, (n, L)))) for n in SIZES])
put("multilabelEmpty", [(rng.random((n, L)), rng.integers(0, 2, (n, L)) * np.array([1, 1, 0])) for n in SIZES])

STAT = ["Accuracy", "Precision", "Recall", "F1Score", "Specificity", "HammingDistance", "StatScores"]
binary, classes, labels = {"task": "binary"}, {"task": "multiclass", "numClasses": C}, {"task": "multilabel", "numLabels": L}
for m in STAT:
    case(m, "logits", binary)
    case(m, "ignored", {**binary, "ignoreIndex": -1})
    for average in ("micro", "macro", "weighted", "none"):
        case(m, "classIgnored", {**classes, "average": average, "ignoreIndex": -100})
        case(m, "multilabelIgnored", {**labels, "average": average, "ignoreIndex": -1})
    case(m, "images", {**classes, "average": "macro"})
    case(m, "labels", {**classes, "average": "weighted"})
    case(m, "rare", {**classes, "average": "macro"})
    case(m, "multilabelLogits", {**labels, "average": "macro", "threshold": 0.3})
    case(m, "classes", {**classes, "average": "macro", "topK": 2})
case("Accuracy", "images", {**classes, "topK": 3})
case("Accuracy", "classes", {**classes, "ignoreIndex": 2, "average": "macro"})
case("FBetaScore", "classes", {**classes, "beta": 2.0, "average": "macro"})
case("FBetaScore", "scores", {**binary, "beta": 0.5})
case("FBetaScore", "multilabel", {**labels, "beta": 0.5, "average": "weighted"})
case("Precision", "rare", {**classes, "average": "none", "zeroDivision": 1})
case("F1Score", "negatives", {**binary, "zeroDivision": 1})

for normalize in ("true", "pred", "all", "none"):
    case("ConfusionMatrix", "labels", {**classes, "normalize": normalize})
    case("ConfusionMatrix", "multilabelIgnored", {**labels, "normalize": normalize, "ignoreIndex": -1})
    case("ConfusionMatrix", "negatives", {**binary, "normalize": normalize})
case("ConfusionMatrix", "images", classes)
case("ConfusionMatrix", "classIgnored", {**classes, "ignoreIndex": -100})
case("CohenKappa", "scores", binary)
case("CohenKappa", "classIgnored", {**classes, "ignoreIndex": -100, "weights": "quadratic"})
for data, task in (("scores", binary), ("negatives", binary), ("positives", binary), ("classes", classes), ("rare", classes), ("multilabel", labels)):
    case("MatthewsCorrCoef", data, task)
for average in ("micro", "macro", "weighted", "none"):
    case("JaccardIndex", "classes", {**classes, "average": average, "ignoreIndex": 1})
    case("JaccardIndex", "rare", {**classes, "average": average})
    case("JaccardIndex", "multilabelIgnored", {**labels, "average": average, "ignoreIndex": -1})
case("JaccardIndex", "negatives", {**binary, "zeroDivision": 1.0})

for m in ("AUROC", "AveragePrecision"):
    for data in ("logits", "ties", "negatives", "positives"):
        case(m, data, binary)
        case(m, data, {**binary, "thresholds": 5})
    case(m, "ignored", {**binary, "ignoreIndex": -1})
    case(m, "ties", {**binary, "thresholds": [0.1, 0.3, 0.55, 0.8]})
    for average in ("macro", "weighted", "none"):
        case(m, "classTies", {**classes, "average": average})
        case(m, "classTies", {**classes, "average": average, "thresholds": 6})
        case(m, "rare", {**classes, "average": average})
        case(m, "classIgnored", {**classes, "average": average, "ignoreIndex": -100})
        case(m, "images", {**classes, "average": average})
    for average in ("micro", "macro", "weighted", "none"):
        case(m, "multilabel", {**labels, "average": average})
        case(m, "multilabel", {**labels, "average": average, "thresholds": 6})
        case(m, "multilabelIgnored", {**labels, "average": average, "ignoreIndex": -1})
        case(m, "multilabelEmpty", {**labels, "average": average})
case("AUROC", "logits", {**binary, "maxFpr": 0.4})
case("AUROC", "ties", {**binary, "maxFpr": 0.7})
as_curves = lambda v: [list(c) for c in zip(*v)] if isinstance(v[0], (list, tuple)) or v[0].ndim > 1 else [v]


def curves(v):
    """A list of curves; thresholds that all share are repeated for each."""
    a, b, t = v
    if isinstance(a, torch.Tensor) and a.ndim == 1:
        return [[a, b, t]]
    return [[a[i], b[i], t[i] if isinstance(t, list) else t] for i in range(len(a))]


for m in ("ROC", "PrecisionRecallCurve"):
    for data in ("logits", "ties", "negatives"):
        case(m, data, binary, final=curves)
        case(m, data, {**binary, "thresholds": 5}, final=curves)
    case(m, "ignored", {**binary, "ignoreIndex": -1}, final=curves)
    case(m, "classTies", classes, final=curves)
    case(m, "classTies", {**classes, "thresholds": 4}, final=curves)
    case(m, "multilabelIgnored", {**labels, "ignoreIndex": -1}, final=curves)
    case(m, "multilabel", {**labels, "thresholds": 4}, final=curves)
for norm in ("l1", "l2", "max"):
    case("CalibrationError", "scores", {**binary, "norm": norm, "nBins": 7})
    case("CalibrationError", "classes", {**classes, "norm": norm, "nBins": 10})
case("CalibrationError", "classIgnored", {**classes, "ignoreIndex": -100})
case("HingeLoss", "scores", binary)
case("HingeLoss", "logits", {**binary, "squared": True})
case("HingeLoss", "ignored", {**binary, "ignoreIndex": -1})
case("HingeLoss", "classes", classes)
case("HingeLoss", "classIgnored", {**classes, "squared": True, "ignoreIndex": -100})
case("HingeLoss", "classes", {**classes, "multiclassMode": "one-vs-all"})

t = [rng.standard_normal(n) * 2 + 3 for n in SIZES]
put("numbers", [(a + 0.5 * rng.standard_normal(len(a)), a) for a in t])
put("rounded", [(np.round(rng.standard_normal(n), 0), np.round(rng.standard_normal(n), 0)) for n in SIZES])
put("positive", [(rng.random(n) + 0.1, rng.random(n) + 0.1) for n in SIZES])
put("outputs", [(rng.standard_normal((n, 2)) + a[:, None] * [1, -2], a[:, None] * [1, -2]) for n, a in zip(SIZES, t)])
put("constant", [(rng.standard_normal(n), np.full(n, 2.0)) for n in SIZES])
put("rows", [(rng.random((n, 4)), rng.random((n, 4))) for n in SIZES])
put("logRows", [(np.log(rng.dirichlet(np.ones(4), n)), np.log(rng.dirichlet(np.ones(4), n))) for n in SIZES])
case("MeanSquaredError", "outputs", {"numOutputs": 2, "squared": False})
case("MeanAbsoluteError", "outputs", {"numOutputs": 2})
for m in ("MeanAbsolutePercentageError", "SymmetricMeanAbsolutePercentageError"):
    case(m, "numbers")
case("MeanSquaredLogError", "positive")
case("LogCoshError", "numbers")
for multi in ("uniform_average", "raw_values", "variance_weighted"):
    case("R2Score", "outputs", {"multioutput": multi})
    case("ExplainedVariance", "outputs", {"multioutput": multi})
case("R2Score", "numbers", {"adjusted": 2})
case("R2Score", "constant")
case("ExplainedVariance", "constant")
case("ExplainedVariance", "numbers")
case("PearsonCorrCoef", "outputs", {"numOutputs": 2})
case("PearsonCorrCoef", "constant")
case("ConcordanceCorrCoef", "numbers")
case("ConcordanceCorrCoef", "outputs", {"numOutputs": 2})
case("SpearmanCorrCoef", "numbers")
case("SpearmanCorrCoef", "rounded")
case("SpearmanCorrCoef", "outputs", {"numOutputs": 2})
for reduction in ("sum", "mean", "none"):
    case("CosineSimilarity", "rows", {"reduction": reduction})
    case("KLDivergence", "rows", {"reduction": reduction})
case("KLDivergence", "logRows", {"logProb": True})

for data in ("words",):
    for m in ("WordErrorRate", "CharErrorRate", "MatchErrorRate"):
        case(f"text.{m}", data)
    for reduction in ("mean", "sum", "none"):
        case("text.EditDistance", data, {"reduction": reduction, "substitutionCost": 2})
case("text.BLEUScore", "translations")
case("text.BLEUScore", "translations", {"nGram": 3, "smooth": True})
case("text.BLEUScore", "translations", {"nGram": 2, "weights": [0.75, 0.25]})

put("pictures", [(rng.random((n, 2, 13, 12)), rng.random((n, 2, 13, 12))) for n in (2, 1)])
case("image.PeakSignalNoiseRatio", "pictures", {"dataRange": 1.0})
case("image.PeakSignalNoiseRatio", "pictures", {"dataRange": [0.2, 0.9], "base": 2.0})
case("image.StructuralSimilarityIndexMeasure", "pictures", {"dataRange": 1.0})
case("image.StructuralSimilarityIndexMeasure", "pictures")
case("image.StructuralSimilarityIndexMeasure", "pictures", {"dataRange": 1.0, "gaussianKernel": False, "kernelSize": 5, "reduction": "none"})
case("image.StructuralSimilarityIndexMeasure", "pictures", {"dataRange": [0.1, 0.9], "sigma": 0.8, "reduction": "sum"})

put("gaps", [([1.0, np.nan, 3.0], ), ([np.nan], ), ([2.5, -1.0], )])
put("weightedGaps", [([1.0, np.nan, 3.0], [1.0, 2.0, np.nan]), ([4.0, 5.0], [0.5, 2.0])])
for strategy in ("ignore", 0.5, "disable"):
    for m in ("MeanMetric", "SumMetric", "MaxMetric", "MinMetric"):
        if not (strategy == "disable" and m in ("MaxMetric", "MinMetric")):
            case(m, "gaps", {"nanStrategy": strategy})
    if strategy != "disable":
        case("MeanMetric", "weightedGaps", {"nanStrategy": strategy})
case("CatMetric", "gaps", {"nanStrategy": 0.5})

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json"), "w") as f:
    rows = ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases)
    data = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'), allow_nan=False)}" for k, v in inputs.items())
    f.write('{\n"suite":"torchmetrics",\n"inputs":{\n' + data + '\n},\n"cases":[\n' + rows + "\n]}\n")
print(len(cases), "cases")
