#!/usr/bin/env python3
"""Writes the ONNX models that tools/bench measures, with random weights: python3 tools/bench_models.py FOLDER

Needs numpy and onnx. A model that is there already stays.
"""
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """A graph as it grows; every method returns the name of a result."""

    def __init__(self):
        self.random = numpy.random.default_rng(1)
        self.nodes, self.weights, self.inputs = [], [], []

    def input(self, name, shape, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def random_weight(self, *shape, scale=None):
        scale = scale or 1 / numpy.sqrt(max(1, shape[0] if len(shape) == 2 else numpy.prod(shape[1:])))
        return self.constant((self.random.standard_normal(shape, dtype="f4") * numpy.float32(scale)))

    def op(self, kind, *operands, count=1, **attributes):
        names = [f"v{len(self.nodes)}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node(kind, list(operands), names, **attributes))
        return names[0] if count == 1 else names

    def dense(self, x, inputs, outputs):
        product = self.op("MatMul", x, self.random_weight(inputs, outputs))
        return self.op("Add", product, self.random_weight(outputs, scale=0.05))

    def convolution(self, x, inputs, outputs, size, stride=1, pad=0):
        weight, bias = self.random_weight(outputs, inputs, size, size), self.random_weight(outputs, scale=0.05)
        return self.op("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4, kernel_shape=[size] * 2)

    def reshape(self, x, shape):
        return self.op("Reshape", x, self.constant(numpy.array(shape, "i8")))

    def norm(self, x, width):
        scale, bias = self.constant(numpy.ones(width, "f4")), self.random_weight(width, scale=0.05)
        return self.op("LayerNormalization", x, scale, bias, axis=-1)

    def gelu(self, x):
        scaled = self.op("Div", x, self.constant(numpy.float32(numpy.sqrt(2))))
        half = self.op("Mul", x, self.constant(numpy.float32(0.5)))
        return self.op("Mul", half, self.op("Add", self.op("Erf", scaled), self.constant(numpy.float32(1))))

    def heads(self, x, shape):
        return self.op("Transpose", self.reshape(x, shape), perm=[0, 2, 1, 3])

    def attend(self, q, keys, values, size):
        """Softmax attention of [batch, heads, positions, size]."""
        scale = self.constant(numpy.float32(1 / numpy.sqrt(size)))
        scores = self.op("MatMul", self.op("Mul", q, scale), self.op("Transpose", keys, perm=[0, 1, 3, 2]))
        return self.op("MatMul", self.op("Softmax", scores, axis=-1), values)

    def save(self, path, **outputs):
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        self.nodes += [helper.make_node("Identity", [value], [name]) for name, value in outputs.items()]
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, results, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)


def mlp(b, batch):
    hidden = b.op("Relu", b.dense(b.input("x", [batch, 784]), 784, 128))
    return {"y": b.op("Softmax", b.dense(hidden, 128, 10), axis=-1)}


def small_cnn(b, batch):
    x = b.op("Relu", b.convolution(b.input("x", [batch, 3, 32, 32]), 3, 32, 3))
    x = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("MaxPool", b.op("Relu", b.convolution(x, 32, 64, 3)), kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("Flatten", b.op("Relu", b.convolution(x, 64, 64, 3)))
    return {"y": b.op("Softmax", b.dense(b.op("Relu", b.dense(x, 1024, 64)), 64, 10), axis=-1)}


def lstm(b, batch):
    x = b.op("Transpose", b.input("x", [batch, 100, 1]), perm=[1, 0, 2])
    weights = b.random_weight(1, 512, 1, scale=0.5), b.random_weight(1, 512, 128, scale=0.05)
    _, last, _ = b.op("LSTM", x, *weights, b.random_weight(1, 1024, scale=0.05), count=3, hidden_size=128)
    return {"y": b.dense(b.op("Squeeze", last, b.constant(numpy.array([0], "i8"))), 128, 1)}


def encoder(b, batch, layers, width, positions, heads):
    x = b.input("x", [batch, positions, width])
    size = width // heads
    for _ in range(layers):
        q, k, v = (b.heads(b.dense(x, width, width), [batch, positions, heads, size]) for _ in range(3))
        mixed = b.op("Transpose", b.attend(q, k, v, size), perm=[0, 2, 1, 3])
        mixed = b.dense(b.reshape(mixed, [batch, positions, width]), width, width)
        x = b.norm(b.op("Add", x, mixed), width)
        x = b.norm(b.op("Add", x, b.dense(b.gelu(b.dense(x, width, 4 * width)), 4 * width, width)), width)
    return {"y": x}


def resnet50(b, batch):
    x = b.op("Relu", b.convolution(b.input("x", [batch, 3, 224, 224]), 3, 64, 7, stride=2, pad=3))
    x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, (width, count) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(count):
            stride = 2 if block == 0 and stage > 0 else 1
            y = b.op("Relu", b.convolution(x, channels, width, 1))
            y = b.op("Relu", b.convolution(y, width, width, 3, stride=stride, pad=1))
            y = b.convolution(y, width, 4 * width, 1)
            shortcut = b.convolution(x, channels, 4 * width, 1, stride=stride) if block == 0 else x
            x = b.op("Relu", b.op("Add", y, shortcut))
            channels = 4 * width
    return {"y": b.dense(b.op("Flatten", b.op("GlobalAveragePool", x)), 2048, 1000)}


def gpt2_step(b, past):
    layers, width, heads, size = 12, 768, 12, 64
    table = b.random_weight(50257, width, scale=0.05)
    positions = b.random_weight(1024, width, scale=0.02)
    x = b.op("Gather", table, b.input("ids", [1, 1], TensorProto.INT64))
    x = b.op("Add", x, b.op("Gather", positions, b.constant(numpy.array([[past]], "i8"))))
    outputs = {}
    for layer in range(layers):
        joined = b.dense(b.norm(x, width), width, 3 * width)
        parts = b.op("Split", joined, b.constant(numpy.array([width] * 3, "i8")), count=3, axis=-1)
        q, k, v = (b.heads(part, [1, 1, heads, size]) for part in parts)
        outputs[f"k{layer}"], outputs[f"v{layer}"] = k, v
        keys, values = (
            b.op("Concat", b.input(f"past_{name}{layer}", [1, heads, past, size]), new, axis=2)
            for name, new in (("k", k), ("v", v))
        )
        mixed = b.op("Transpose", b.attend(q, keys, values, size), perm=[0, 2, 1, 3])
        x = b.op("Add", x, b.dense(b.reshape(mixed, [1, 1, width]), width, width))
        hidden = b.gelu(b.dense(b.norm(x, width), width, 4 * width))
        x = b.op("Add", x, b.dense(hidden, 4 * width, width))
    outputs["logits"] = b.op("MatMul", b.norm(x, width), b.op("Transpose", table, perm=[1, 0]))
    return outputs


def elementwise(b):
    x = b.op("Mul", b.input("x", [4096, 4096]), b.random_weight(4096, scale=1))
    x = b.gelu(b.op("Add", x, b.random_weight(4096, scale=0.1)))
    return {"y": b.op("Add", x, b.input("r", [4096, 4096]))}


# In the order of the table, with the names it shows.
MODELS = [
    ("mlp_1", "MLP 784-128-10", lambda b: mlp(b, 1)),
    ("mlp_32", "MLP 784-128-10, batch 32", lambda b: mlp(b, 32)),
    ("mlp_128", "MLP 784-128-10, batch 128", lambda b: mlp(b, 128)),
    ("cnn_1", "CIFAR-10 network", lambda b: small_cnn(b, 1)),
    ("cnn_32", "CIFAR-10 network, batch 32", lambda b: small_cnn(b, 32)),
    ("lstm_1", "LSTM(128), 100 steps", lambda b: lstm(b, 1)),
    ("lstm_32", "LSTM(128), 100 steps, batch 32", lambda b: lstm(b, 32)),
    ("encoder_1", "4-layer encoder, 256 wide, 128 tokens", lambda b: encoder(b, 1, 4, 256, 128, 4)),
    ("encoder_8", "4-layer encoder, batch 8", lambda b: encoder(b, 8, 4, 256, 128, 4)),
    ("bert_layer", "BERT-base layer, 128 tokens", lambda b: encoder(b, 1, 1, 768, 128, 12)),
    ("resnet50", "ResNet-50", lambda b: resnet50(b, 1)),
    ("gpt2_step", "GPT-2 small, one token after 256", lambda b: gpt2_step(b, 256)),
    ("gelu", "gelu(x·s+b)+r over 4096²", elementwise),
    ("softmax", "softmax over 4096²", lambda b: {"y": b.op("Softmax", b.input("x", [4096, 4096]), axis=-1)}),
    ("layer_norm", "layer norm over 4096×1024", lambda b: {"y": b.norm(b.input("x", [4096, 1024]), 1024)}),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, build in MODELS:
        path = folder / f"{name}.onnx"
        if not path.exists():
            builder = Builder()
            partial = folder / f".{name}.onnx"
            builder.save(partial, **build(builder))
            partial.rename(path)
        print(f"{path}\t{title}", flush=True)


if __name__ == "__main__":
    main()
