# Records what the real tools write, tensorboard 2.21.0 and wandb 0.30.0: record.py OUT [WANDB_FOLDER]
import sys, os, struct, zlib
out = sys.argv[1]; os.makedirs(out, exist_ok=True)
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata, HistogramProto
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto import types_pb2
from tensorboard.plugins.hparams import summary_v2 as hp, api_pb2, plugin_data_pb2, metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from google.protobuf import struct_pb2

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes([0, 255, 0, 0, 128, 0, 255]))) + chunk(b"IEND", b"")
T = 1750000000.5
f = open(os.path.join(out, "tensorboard.tfevents"), "wb"); w = RecordWriter(f)
def event(**k): w.write(Event(wall_time=T, **k).SerializeToString())
def value(step, *values): event(step=step, summary=Summary(value=list(values)))
event(file_version="brain.Event:2")
value(3, Summary.Value(tag="loss", simple_value=1.5), Summary.Value(tag="bad", simple_value=float("nan")))
value(2**40, Summary.Value(tag="loss", simple_value=-2))
m = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=text_metadata.PLUGIN_NAME), data_class=2)
t = TensorProto(dtype=types_pb2.DT_STRING, string_val=[b"**bold**"], tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
value(4, Summary.Value(tag="note/text_summary", metadata=m, tensor=t))
value(5, Summary.Value(tag="red", image=Summary.Image(height=1, width=2, colorspace=3, encoded_image_string=png)))
value(6, Summary.Value(tag="weights", histo=HistogramProto(min=0, max=2, num=3, sum=3, sum_squares=5, bucket_limit=[1, 2], bucket=[1, 2])))
session = plugin_data_pb2.SessionStartInfo(group_name="n/v", start_time_secs=T)
session.hparams["lr"].number_value = 0.1; session.hparams["name"].string_value = "mlp"; session.hparams["bias"].bool_value = True
def hsum(tag, **k):
    d = plugin_data_pb2.HParamsPluginData(version=0, **k)
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=d.SerializeToString())))
exp = api_pb2.Experiment(time_created_secs=T, hparam_infos=[api_pb2.HParamInfo(name="lr", type=3), api_pb2.HParamInfo(name="name", type=1), api_pb2.HParamInfo(name="bias", type=2)],
  metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag="hp_metric"))])
value(0, hsum(metadata.EXPERIMENT_TAG, experiment=exp), hsum(metadata.SESSION_START_INFO_TAG, session_start_info=session))
value(0, hsum(metadata.SESSION_END_INFO_TAG, session_end_info=plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=T)))
event(step=7, session_log=SessionLog(status=SessionLog.START))
f.close()

# A run of Weights & Biases, offline; its file is copied by hand: wandb/latest-run/run-abc.wandb
if len(sys.argv) > 2:
    os.environ["WANDB_MODE"] = "offline"
    import wandb
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, save_code=False)
    run = wandb.init(project="p", entity="me", id="abc", name="shown", tags=["a", "b"], config={"lr": 0.1, "net": {"depth": 2}}, dir=sys.argv[2], settings=settings)
    run.define_metric("*", step_metric="trainer/global_step")
    run.log({"loss": 1.5, "epoch": 0, "trainer/global_step": 0})
    run.log({"loss": float("nan"), "epoch": 0, "trainer/global_step": 4})
    run.log({"t": wandb.Table(columns=["id", "class"], data=[[1, "cat"], [2, None]]), "trainer/global_step": 4})
    run.finish()
