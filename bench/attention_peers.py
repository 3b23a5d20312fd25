#!/usr/bin/env python3
"""Espy's attention kernel beside PyTorch, ONNX Runtime and OpenVINO, in the same run, in FP32 or BF16.

    python bench/attention_peers.py --espy BUILD/bench/bench_attention [--tokens 50,197] [--dim 64,72,80] [--heads 12]
                                    [--batch 1] [--threads 1] [--rounds 7] [--seconds 0.3] [--precision fp32|bf16]
                                    [--engines espy,torch,...]

Espy reads Q, K and V out of a fused projection, as its towers do. Each peer gets the layout that it likes best: PyTorch's
scaled_dot_product_attention three adjacent [batch, heads, tokens, dim], ONNX Runtime's MultiHeadAttention three adjacent
[batch, tokens, heads * dim], OpenVINO's ScaledDotProductAttention as PyTorch; "torch-fused" is PyTorch on views of a fused
projection. In BF16 the peers are given and return BF16, Espy FP32 (its towers' stream); ONNX Runtime has no BF16 attention
for CPUs and is left out. Engines take turns (turns.py); one JSON line an engine and shape, with the ratio to PyTorch.
"""

import argparse
import json
import sys

import turns


def serve(engine, precision, batch, heads, tokens, dim, threads, seconds):
    import numpy as np
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((batch, heads, tokens, dim), dtype=np.float32) for _ in range(3))
    if engine.startswith("torch"):
        import torch
        torch.set_grad_enabled(False)
        torch.set_num_threads(threads)
        x = [torch.from_numpy(a) for a in (q, k, v)]
        if engine == "torch-fused":
            fused = torch.stack([a.transpose(1, 2) for a in x], 2)
            x = [fused[:, :, i].transpose(1, 2) for i in range(3)]
        if precision == "bf16":
            x = [a.bfloat16() for a in x]
        run = lambda: torch.nn.functional.scaled_dot_product_attention(*x, scale=0.125)
    elif engine == "ort":
        import onnx
        import onnxruntime
        from onnx import TensorProto, helper
        flat = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, tokens, heads * dim])
        node = helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=heads,
                                scale=0.125)
        graph = helper.make_graph([node], "g", [flat(n) for n in "qkv"], [flat("y")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
                                  ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        for name, a in zip("qkv", (q, k, v)):
            rows = np.ascontiguousarray(a.transpose(0, 2, 1, 3)).reshape(batch, tokens, heads * dim)
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(rows))
        binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(np.empty_like(rows)))
        run = lambda: session.run_with_iobinding(binding)
    elif engine == "openvino":
        import openvino
        from openvino import opset13
        kind = openvino.Type.bf16 if precision == "bf16" else openvino.Type.f32
        inputs = [opset13.parameter([batch, heads, tokens, dim], kind) for _ in range(3)]
        scale = opset13.convert(opset13.constant(np.float32(0.125)), kind)
        zero = opset13.convert(opset13.constant(np.zeros((1, 1), np.float32)), kind)
        node = opset13.scaled_dot_product_attention(*inputs, zero, scale)
        model = openvino.Model([node], inputs, "g")
        compiled = openvino.Core().compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()
        for i, a in enumerate((q, k, v)):
            if precision == "bf16":  # the upper half of a float, which is a BF16 near it
                a = np.ascontiguousarray(a.view(np.uint16)[..., 1::2])
                tensor = openvino.Tensor(kind, a.shape)
                tensor.data.view(np.uint16)[:] = a
            else:
                tensor = openvino.Tensor(a, shared_memory=True)
            request.set_input_tensor(i, tensor)
        run = lambda: request.infer()
    turns.serve(run, batch, seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--espy")
    parser.add_argument("--tokens", default="50,197,257,577,729,1024")
    parser.add_argument("--dim", default="64,72,80")
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--engines", default="espy,torch,torch-fused,ort,openvino")
    parser.add_argument("--serve")
    a = parser.parse_args()
    if a.serve:
        return serve(a.serve, a.precision, a.batch, a.heads, int(a.tokens), int(a.dim), a.threads, a.seconds)
    for dim in a.dim.split(","):
        for tokens in a.tokens.split(","):
            shape = ["--tokens", tokens, "--heads", a.heads, "--dim", dim, "--batch", a.batch, "--threads", a.threads,
                     "--precision", a.precision, "--seconds", a.seconds]
            peers = {}
            for engine in a.engines.split(","):
                if engine == "ort" and a.precision == "bf16":
                    continue
                if engine == "espy":
                    peers[engine] = turns.Peer([a.espy, *shape, "--rounds", a.rounds, "--step"], ready=False)
                else:
                    peers[engine] = turns.Peer([sys.executable, __file__, "--serve", engine, *shape], ready=True)
            for engine, rates in turns.measure(peers, a.rounds, "torch").items():
                gflops = 4e-9 * int(tokens) ** 2 * int(dim) * a.heads * rates["per_cpu_s"]
                print(json.dumps(dict(bench="attention_peers", engine=engine, tokens=int(tokens), heads=a.heads, dim=int(dim),
                                      batch=a.batch, precision=a.precision, threads=a.threads,
                                      gflops=round(gflops, 1), **rates)), flush=True)


if __name__ == "__main__":
    main()
