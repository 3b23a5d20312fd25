#!/usr/bin/env python3
"""Espy's towers beside PyTorch (transformers), ONNX Runtime and OpenVINO: the same random weights, in the same run.

    python bench/encode_peers.py --espy BUILD/bench/bench_encode [--model clip-b32] [--tower image] [--batch 1,8]
                                 [--precision fp32|bf16|int8] [--threads 1,2] [--rounds 5] [--seconds 1] [--engines espy,ort,openvino,torch]

Engines take turns (turns.py). Prints one JSON line an engine and setting: the median of the rounds, and the median of the
ratios to OpenVINO round by round, of the rate by the clock (per_s) and by the processor time of all its threads (per_cpu_s), which other work on the machine
disturbs less, and which counts threads that wait spinning.
Needs torch, transformers, onnx, onnxruntime, openvino, and nncf for int8. --model may also be a directory with config.json and weights.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import turns

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))


def load(directory, tower):
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    kind = json.loads((pathlib.Path(directory) / "config.json").read_text())["model_type"]
    cls = transformers.CLIPModel if kind == "clip" else transformers.SiglipModel
    model = cls.from_pretrained(directory, dtype=torch.float32).eval()

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            out = model.get_image_features(pixel_values=x) if tower == "image" else model.get_text_features(input_ids=x)
            return out.pooler_output

    return Tower().eval(), model.config


def inputs(config, tower, batch):
    import torch
    if tower == "image":
        size = config.vision_config.image_size
        return torch.randn(batch, 3, size, size)
    t = config.text_config
    ids = torch.randint(3, t.vocab_size - 2, (batch, t.max_position_embeddings))
    ids[:, -1] = t.vocab_size - 1
    return ids


def export(directory, tower, path, precision):
    """The tower as ONNX; for INT8 also as ONNX Runtime quantises it (path.int8.onnx), and as NNCF does for OpenVINO (.xml)."""
    import torch
    torch.set_grad_enabled(False)
    net, config = load(directory, tower)
    torch.onnx.export(net, (inputs(config, tower, 2),), path, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "b"}, "y": {0: "b"}}, opset_version=17, dynamo=False)
    if precision == "int8":
        import nncf
        import onnxruntime.quantization as quantization
        import openvino
        quantization.quantize_dynamic(path, path + ".int8.onnx", per_channel=True,
                                      weight_type=quantization.QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
        samples = nncf.Dataset([inputs(config, tower, 2).numpy() for _ in range(3)], lambda x: {"x": x})
        quantized = nncf.quantize(openvino.Core().read_model(path), samples, model_type=nncf.ModelType.TRANSFORMER,
                                  subset_size=3)
        openvino.save_model(quantized, path + ".int8.xml", compress_to_fp16=False)


def serve(engine, directory, tower, onnx, precision, batch, threads, seconds):
    """One engine: for each line on the standard input, `seconds` of work and one line with the rate."""
    import torch
    torch.set_grad_enabled(False)
    torch.set_num_threads(threads)
    if engine == "torch":
        run, config = load(directory, tower)
    else:
        import transformers
        config = transformers.AutoConfig.from_pretrained(directory)
    x = inputs(config, tower, batch)
    if engine == "torch" and precision == "bf16":
        run = run.bfloat16()
        x = x.bfloat16() if tower == "image" else x
    elif engine == "torch" and precision == "int8":
        run = torch.ao.quantization.quantize_dynamic(run, {torch.nn.Linear}, dtype=torch.qint8)
    if engine == "ort":
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(onnx + (".int8.onnx" if precision == "int8" else ""), options, providers=["CPUExecutionProvider"])
        run = lambda value: session.run(None, {"x": value.numpy()})
    elif engine == "openvino":
        import openvino
        compiled = openvino.Core().compile_model(onnx + (".int8.xml" if precision == "int8" else ""), "CPU", {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()
        run = lambda value: request.infer({"x": value.numpy()})
    turns.serve(lambda: run(x), batch, seconds)


def measure(a, directory, onnx, batch, threads):
    peers = {}
    for engine in a.engines.split(","):
        if engine == "ort" and a.precision == "bf16":
            continue  # it has no BF16 products for CPUs
        if engine == "espy":
            peers[engine] = turns.Peer([a.espy, directory, "--tower", a.tower, "--batch", batch, "--threads", threads,
                                  "--rounds", a.rounds, "--seconds", a.seconds, "--precision", a.precision, "--step"], ready=False)
        else:
            peers[engine] = turns.Peer([sys.executable, __file__, "--serve", engine, "--model", directory, "--onnx", onnx,
                                  "--tower", a.tower, "--precision", a.precision, "--batch", batch, "--threads", threads,
                                  "--seconds", a.seconds],
                                 ready=True)
    for engine, rates in turns.measure(peers, a.rounds, "openvino").items():
        print(json.dumps(dict(bench="encode_peers", model=pathlib.Path(a.model).name, tower=a.tower,
                              precision=a.precision, engine=engine, batch=batch, threads=threads, **rates)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--espy")
    parser.add_argument("--model", default="clip-b32")
    parser.add_argument("--tower", default="image")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--precision", default="fp32", help="int8: ONNX Runtime's and PyTorch's dynamic quantisation, NNCF's static one for OpenVINO")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--engines", default="espy,ort,openvino,torch")
    parser.add_argument("--serve")
    parser.add_argument("--onnx", help="where the exported tower is kept for the next run")
    a = parser.parse_args()
    if a.serve:
        return serve(a.serve, a.model, a.tower, a.onnx, a.precision, int(a.batch), int(a.threads), a.seconds)
    with tempfile.TemporaryDirectory() as scratch:
        directory = a.model
        if not os.path.isdir(directory):
            import parity_full
            directory = str(pathlib.Path(scratch) / a.model)
            parity_full.build(a.model).save_pretrained(directory)
        onnx = a.onnx or str(pathlib.Path(scratch) / "tower.onnx")
        exported = onnx + (".int8.xml" if a.precision == "int8" else "")
        if not os.path.exists(exported) and set(a.engines.split(",")) & {"ort", "openvino"}:
            # In a process of its own, so that its memory is given back.
            subprocess.run([sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import encode_peers as e;"
                            "e.export(*sys.argv[2:])", str(ROOT / "bench"), directory, a.tower, onnx, a.precision], check=True,
                           stderr=subprocess.DEVNULL)
        for threads in (int(t) for t in a.threads.split(",")):
            for batch in (int(b) for b in a.batch.split(",")):
                measure(a, directory, onnx, batch, threads)


if __name__ == "__main__":
    main()
