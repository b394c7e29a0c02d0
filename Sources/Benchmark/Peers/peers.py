# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX model with another runtime, under the orders of `lamina bench --peers`, which holds this program.

    python peers.py list
    python peers.py run NAME MODEL.onnx FOLDER THREADS PRECISION

`list` tells which runtimes this Python has. `run` reads FOLDER/inputs/*.npy, calls the model once, writes
FOLDER/NAME/OUTPUT.npy, says `ready`, and then times calls back to back for every line `go SECONDS MIN MAX` on standard
input, until `quit`. Lines of the conversation start with a mark; whatever else a runtime prints goes to standard error.
"""
import importlib.metadata
import importlib.util
import itertools
import json
import math
import os
import pathlib
import subprocess
import sys
import time

MARK = "@@PEER "
CHANNEL = None


def answer(text):
    os.write(CHANNEL, f"{MARK}{text}\n".encode())


def say(**event):
    answer(json.dumps(event))


def file_name(name):
    """Names of tensors may be paths."""
    return name.replace("/", "_") + ".npy"


class Case:
    """A model, its inputs, and how it is to be run."""

    def __init__(self, model, folder, threads, precision):
        import numpy

        self.model, self.folder, self.threads, self.precision = model, pathlib.Path(folder), threads, precision
        self.arrays = {path.name: numpy.load(path) for path in (self.folder / "inputs").glob("*.npy")}

    def input(self, name):
        return self.arrays[file_name(name)]

    def fixed(self):
        """The model as a message, its named sizes those of the inputs."""
        import onnx

        model = onnx.load(self.model)
        weights = {tensor.name for tensor in model.graph.initializer}
        ports = [port for port in model.graph.input if port.name not in weights]
        for port in ports:
            for dim, size in zip(port.type.tensor_type.shape.dim, self.input(port.name).shape):
                dim.dim_value = size
        return model, [port.name for port in ports], [port.name for port in model.graph.output]


# Each loader returns the names of the outputs, a call, and what gives the outputs of the last call.


def onnxruntime(case):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = case.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(case.model, settings, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    binding = session.io_binding()
    for port in session.get_inputs():
        binding.bind_ortvalue_input(port.name, onnxruntime.OrtValue.ortvalue_from_numpy(case.input(port.name)))
    # After one call the outputs have their places, and later calls write them there.
    for name in names:
        binding.bind_output(name)
    session.run_with_iobinding(binding)
    for name, value in zip(names, binding.get_outputs()):
        binding.bind_ortvalue_output(name, value)
    run = session.run_with_iobinding
    return names, lambda: run(binding), binding.copy_outputs_to_cpu


def openvino(case):
    import openvino

    core = openvino.Core()
    hints = {
        "INFERENCE_PRECISION_HINT": case.precision,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": case.threads,
        "NUM_STREAMS": 1,
    }
    model = core.read_model(case.model)
    model.reshape({port: list(case.input(port.get_any_name()).shape) for port in model.inputs})
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    for index, port in enumerate(model.inputs):
        request.set_input_tensor(index, openvino.Tensor(case.input(port.get_any_name()), shared_memory=True))
    names = [port.get_any_name() for port in model.outputs]
    infer = request.infer
    outputs = lambda: [request.get_output_tensor(index).data for index in range(len(names))]
    return names, lambda: infer(share_outputs=True), outputs


def litert(case):
    from ai_edge_litert.interpreter import Interpreter

    path = pathlib.Path(case.model).with_suffix(".tflite")
    if not path.exists():
        raise RuntimeError(f"it reads no ONNX: put the converted model at '{path}'")
    interpreter = Interpreter(model_path=str(path), num_threads=case.threads)
    interpreter.allocate_tensors()
    for port in interpreter.get_input_details():
        name = port["name"].removeprefix("serving_default_").split(":")[0]
        value = case.input(name)
        # Converters put channels last.
        if tuple(port["shape"]) != value.shape and value.ndim == 4:
            value = value.transpose(0, 2, 3, 1)
        interpreter.set_tensor(port["index"], value.astype(port["dtype"]))
    ports = interpreter.get_output_details()
    # Converted outputs have numbers for names: only those of a single one are known.
    names = case.fixed()[2] if importlib.util.find_spec("onnx") else []
    names = names if len(names) == len(ports) == 1 else [port["name"] for port in ports]
    return names, interpreter.invoke, lambda: [interpreter.get_tensor(port["index"]) for port in ports]


def tvm(case):
    os.environ["TVM_NUM_THREADS"] = str(case.threads)
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    model, inputs, names = case.fixed()
    module = from_onnx(model, keep_params_in_input=False)
    target = tvm.target.Target({"kind": "llvm", "mcpu": tvm.target.codegen.llvm_get_system_cpu()})
    with target:
        code = tvm.compile(module, target=target)
    device = tvm.cpu()
    main = relax.VirtualMachine(code, device)["main"]
    tensors = [tvm.runtime.tensor(case.input(name), device) for name in inputs]
    result = []

    def call():
        result[:] = [main(*tensors)]

    def outputs():
        value = result[0]
        return [value.numpy()] if hasattr(value, "numpy") else [part.numpy() for part in value]

    return names, call, outputs


def iree(case):
    import iree.compiler
    import iree.runtime
    import onnx

    model, inputs, names = case.fixed()
    place = case.folder / "iree"
    place.mkdir(exist_ok=True)
    onnx.save(model, place / "fixed.onnx")
    importer = [sys.executable, "-m", "iree.compiler.tools.import_onnx", place / "fixed.onnx", "-o", place / "model.mlir"]
    subprocess.run(importer, check=True, stdout=sys.stderr)
    options = [
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        "--iree-llvmcpu-target-cpu=host",
        "--iree-opt-data-tiling",
    ]
    code = iree.compiler.compile_file(str(place / "model.mlir"), extra_args=options)
    runtime = iree.runtime
    if case.threads > 1:
        runtime.flags.parse_flags(f"--task_topology_group_count={case.threads}")
    device = runtime.get_device("local-task" if case.threads > 1 else "local-sync")
    settings = runtime.Config(device=device)
    module = runtime.VmModule.copy_buffer(settings.vm_instance, code)
    context = runtime.VmContext(
        settings.vm_instance, modules=[runtime.create_hal_module(settings.vm_instance, device), module]
    )
    known = [name for name in module.function_names if not name.startswith("__") and not name.endswith("$async")]
    function = module.lookup_function(known[0])
    tensors = [runtime.asdevicearray(device, case.input(name)) for name in inputs]
    arguments = runtime.VmVariantList(len(tensors))
    for tensor in tensors:
        arguments.push_ref(tensor._buffer_view)
    result = []

    def call():
        found = runtime.VmVariantList(len(names))
        context.invoke(function, arguments, found)
        result[:] = [found]

    def outputs():
        views = [result[0].get_as_object(index, runtime.HalBufferView) for index in range(len(names))]
        return [runtime.DeviceArray(device, view, implicit_host_transfer=True).to_host() for view in views]

    return names, call, outputs


class Operators:
    """ONNX operators by an array library's own, as far as common models use them; a library adds what differs."""

    def __init__(self, model):
        from onnx import helper, numpy_helper

        self.graph = model.graph
        self.static = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.steps = []
        for node in model.graph.node:
            attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            if node.op_type == "Constant":
                self.static[node.output[0]] = numpy_helper.to_array(attributes["value"])
            else:
                self.steps.append((node, attributes))
        self.weights = {name: self.array(value) for name, value in self.static.items()}
        self.prepared = {}

    def __call__(self, inputs):
        """The outputs, in order, for arrays by name."""
        values = {**self.weights, **inputs}
        for node, attributes in self.steps:
            operands = [values[name] if name else None for name in node.input]
            constants = [self.static.get(name) for name in node.input]
            operator = getattr(self, node.op_type, None)
            if operator is None:
                raise RuntimeError(f"'{node.op_type}' is not translated for it")
            results = operator(operands, constants, attributes, node)
            values.update(zip(node.output, results if isinstance(results, list) else [results]))
        return [values[port.name] for port in self.graph.output]

    # What any library does with the same words.

    def Add(self, x, *_): return x[0] + x[1]
    def Sub(self, x, *_): return x[0] - x[1]
    def Mul(self, x, *_): return x[0] * x[1]
    def Div(self, x, *_): return x[0] / x[1]
    def Pow(self, x, *_): return x[0] ** x[1]
    def MatMul(self, x, *_): return x[0] @ x[1]
    def Identity(self, x, *_): return x[0]
    def Flatten(self, x, _, a, __): return x[0].reshape(math.prod(x[0].shape[: a.get("axis", 1)]), -1)
    def Transpose(self, x, _, a, __): return self.permute(x[0], a.get("perm") or range(x[0].ndim)[::-1])
    def Softmax(self, x, _, a, __): return self.softmax(x[0], a.get("axis", -1))
    def Concat(self, x, _, a, __): return self.concat(x, a["axis"])
    def GlobalAveragePool(self, x, *_): return self.mean(x[0], tuple(range(2, x[0].ndim)))

    def Gemm(self, x, _, a, __):
        left, right = (x[0].T if a.get("transA") else x[0]), (x[1].T if a.get("transB") else x[1])
        product = left @ right * a.get("alpha", 1.0) if a.get("alpha", 1.0) != 1 else left @ right
        return product if len(x) < 3 else product + x[2] * a.get("beta", 1.0)

    def Reshape(self, x, constants, *_):
        return x[0].reshape([x[0].shape[axis] if size == 0 else int(size) for axis, size in enumerate(constants[1])])

    def Squeeze(self, x, constants, *_):
        axes = [int(axis) % x[0].ndim for axis in constants[1]] if len(x) > 1 else [i for i, n in enumerate(x[0].shape) if n == 1]
        return x[0].reshape([size for axis, size in enumerate(x[0].shape) if axis not in axes])

    def Unsqueeze(self, x, constants, *_):
        shape = list(x[0].shape)
        for axis in sorted(int(axis) % (len(shape) + len(constants[1])) for axis in constants[1]):
            shape.insert(axis, 1)
        return x[0].reshape(shape)

    def Split(self, x, constants, a, node):
        axis = a.get("axis", 0) % x[0].ndim
        count = len(node.output)
        sizes = constants[1] if len(x) > 1 else [x[0].shape[axis] // count] * count
        ends = list(itertools.accumulate(int(size) for size in sizes))
        return [x[0][(slice(None),) * axis + (slice(end - int(size), end),)] for size, end in zip(sizes, ends)]

    def ReduceMean(self, x, constants, a, _):
        axes = constants[1].tolist() if len(x) > 1 else a["axes"]
        mean = self.mean(x[0], tuple(axes))
        return mean if a.get("keepdims", 1) else mean.reshape([n for i, n in enumerate(mean.shape) if i not in {k % x[0].ndim for k in axes}])

    def BatchNormalization(self, x, _, a, node):
        def prepare():
            scale = x[1] / (x[4] + a.get("epsilon", 1e-5)) ** 0.5
            shape = [1, -1] + [1] * (x[0].ndim - 2)
            return scale.reshape(shape), (x[2] - x[3] * scale).reshape(shape)

        scale, shift = self.once(node, prepare)
        return x[0] * scale + shift

    def LSTM(self, x, _, a, node):
        if a.get("direction", b"forward") != b"forward" or a.get("layout", 0) or len(x) > 7 or "activations" in a:
            raise RuntimeError("an LSTM of this kind is not translated for it")
        size, batch = a["hidden_size"], x[0].shape[1]
        state = [x[5] if len(x) > 5 and x[5] is not None else self.array(numpy_zeros(1, batch, size))]
        state.append(x[6] if len(x) > 6 and x[6] is not None else self.array(numpy_zeros(1, batch, size)))

        def prepare():
            bias = x[3][0] if len(x) > 3 and x[3] is not None else self.array(numpy_zeros(8 * size))
            # Input, output, forget, cell become input, forget, cell, output.
            def order(w):
                return self.concat([w[:size], w[2 * size : 3 * size], w[3 * size :], w[size : 2 * size]], 0)

            return order(x[1][0]), order(x[2][0]), order(bias[: 4 * size]), order(bias[4 * size :])

        return self.lstm(x[0], state, self.once(node, prepare))

    def once(self, node, make):
        """What follows from weights alone."""
        if node.output[0] not in self.prepared:
            self.prepared[node.output[0]] = make()
        return self.prepared[node.output[0]]

    def window(self, x, a, size=None):
        """Kernel, strides, dilations and pads of each axis."""
        count = x.ndim - 2
        if a.get("auto_pad", b"NOTSET") != b"NOTSET" or a.get("ceil_mode"):
            raise RuntimeError("padding of this kind is not translated for it")
        pads = a.get("pads", [0] * 2 * count)
        one = [1] * count
        return a.get("kernel_shape", size), a.get("strides", one), a.get("dilations", one), list(zip(pads, pads[count:]))


def numpy_zeros(*shape):
    import numpy

    return numpy.zeros(shape, "f4")


def torch(case):
    import torch

    functions = torch.nn.functional

    class Translated(Operators):
        array = staticmethod(lambda value: torch.from_numpy(value.copy()))
        permute = staticmethod(lambda x, axes: x.permute(*axes))
        softmax = staticmethod(torch.softmax)
        concat = staticmethod(torch.cat)
        mean = staticmethod(lambda x, axes: x.mean(axes, keepdim=True))

        def Relu(self, x, *_): return torch.relu(x[0])
        def Erf(self, x, *_): return torch.erf(x[0])
        def Exp(self, x, *_): return torch.exp(x[0])
        def Sqrt(self, x, *_): return torch.sqrt(x[0])
        def Tanh(self, x, *_): return torch.tanh(x[0])
        def Sigmoid(self, x, *_): return torch.sigmoid(x[0])

        def Gather(self, x, _, a, __):
            if a.get("axis", 0) == 0 and x[0].ndim == 2:
                return functions.embedding(x[1], x[0])
            return x[0].index_select(a.get("axis", 0), x[1].reshape(-1)).reshape(
                x[0].shape[: a.get("axis", 0)] + x[1].shape + x[0].shape[a.get("axis", 0) + 1 :])

        def LayerNormalization(self, x, _, a, __):
            shape = x[0].shape[a.get("axis", -1) :]
            return functions.layer_norm(x[0], shape, x[1], x[2] if len(x) > 2 else None, a.get("epsilon", 1e-5))

        def padded(self, x, pads, value):
            flat = [size for pair in reversed(pads) for size in pair]
            return functions.pad(x, flat, value=value) if any(flat) else x

        def Conv(self, x, _, a, __):
            _, strides, dilations, pads = self.window(x[0], a, x[1].shape[2:])
            isEven = all(low == high for low, high in pads)
            data = x[0] if isEven else self.padded(x[0], pads, 0.0)
            apply = (functions.conv1d, functions.conv2d, functions.conv3d)[x[0].ndim - 3]
            pad = [low for low, _ in pads] if isEven else 0
            return apply(data, x[1], x[2] if len(x) > 2 else None, strides, pad, dilations, a.get("group", 1))

        def MaxPool(self, x, _, a, __):
            kernel, strides, dilations, pads = self.window(x[0], a)
            apply = (functions.max_pool1d, functions.max_pool2d, functions.max_pool3d)[x[0].ndim - 3]
            return apply(self.padded(x[0], pads, -math.inf), kernel, strides, 0, dilations)

        def lstm(self, x, state, weights):
            y, h, c = torch.lstm(x, state, weights, True, 1, 0.0, False, False, False)
            return [y.unsqueeze(1), h, c]

    torch.set_num_threads(case.threads)
    model, inputs, names = case.fixed()
    translated = Translated(model)
    tensors = [torch.from_numpy(case.input(name)) for name in inputs]
    with torch.inference_mode():
        traced = torch.jit.trace(lambda *values: tuple(translated(dict(zip(inputs, values)))), tensors, check_trace=False)
    result = []

    def call():
        with torch.inference_mode():
            result[:] = [traced(*tensors)]

    return names, call, lambda: [part.numpy() for part in result[0]]


def jax(case):
    flags = f" --xla_cpu_multi_thread_eigen={'true' if case.threads > 1 else 'false'} intra_op_parallelism_threads={case.threads}"
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + flags
    import jax
    from jax import lax, nn, numpy as jnp

    class Translated(Operators):
        array = staticmethod(jnp.asarray)
        permute = staticmethod(lambda x, axes: jnp.transpose(x, tuple(axes)))
        softmax = staticmethod(lambda x, axis: nn.softmax(x, axis))
        concat = staticmethod(lambda parts, axis: jnp.concatenate(parts, axis))
        mean = staticmethod(lambda x, axes: x.mean(axes, keepdims=True))

        def Relu(self, x, *_): return nn.relu(x[0])
        def Erf(self, x, *_): return lax.erf(x[0])
        def Exp(self, x, *_): return jnp.exp(x[0])
        def Sqrt(self, x, *_): return jnp.sqrt(x[0])
        def Tanh(self, x, *_): return jnp.tanh(x[0])
        def Sigmoid(self, x, *_): return nn.sigmoid(x[0])
        def Gather(self, x, _, a, __): return jnp.take(x[0], x[1], axis=a.get("axis", 0))

        def LayerNormalization(self, x, _, a, __):
            axes = tuple(range(a.get("axis", -1) % x[0].ndim, x[0].ndim))
            mean = x[0].mean(axes, keepdims=True)
            centred = x[0] - mean
            scaled = centred * lax.rsqrt((centred * centred).mean(axes, keepdims=True) + a.get("epsilon", 1e-5))
            return scaled * x[1] + x[2] if len(x) > 2 else scaled * x[1]

        def Conv(self, x, _, a, __):
            _, strides, dilations, pads = self.window(x[0], a, x[1].shape[2:])
            y = lax.conv_general_dilated(
                x[0], x[1], strides, pads, rhs_dilation=dilations, feature_group_count=a.get("group", 1))
            return y + x[2].reshape([1, -1] + [1] * (y.ndim - 2)) if len(x) > 2 else y

        def MaxPool(self, x, _, a, __):
            kernel, strides, dilations, pads = self.window(x[0], a)
            return lax.reduce_window(
                x[0], -jnp.inf, lax.max, (1, 1, *kernel), (1, 1, *strides), [(0, 0), (0, 0), *pads],
                window_dilation=(1, 1, *dilations))

        def lstm(self, x, state, weights):
            from_input, from_state, *biases = weights
            inputs = x @ from_input.T + biases[0] + biases[1]

            def step(carry, gates):
                h, c = carry
                i, f, g, o = jnp.split(gates + h @ from_state.T, 4, axis=-1)
                c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
                h = nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            (h, c), y = lax.scan(step, (state[0][0], state[1][0]), inputs)
            return [y[:, None], h[None], c[None]]

    model, inputs, names = case.fixed()
    translated = Translated(model)
    # Prepared while a call is recorded it would be a part of that record.
    translated.once = lambda node, make: make()
    arrays = {name: jnp.asarray(case.input(name)) for name in inputs}
    weights = translated.weights

    def whole(weights, values):
        translated.weights = weights
        return translated(values)

    compiled = jax.jit(whole).lower(weights, arrays).compile()
    result = []

    def call():
        result[:] = [jax.block_until_ready(compiled(weights, arrays))]

    return names, call, lambda: list(result[0])


def tinygrad(case):
    import tinygrad
    from tinygrad.nn.onnx import OnnxRunner

    runner = OnnxRunner(case.model)
    names = list(runner.graph_outputs)
    keys = list(runner.graph_inputs)
    tensors = [tinygrad.Tensor(case.input(name)).realize() for name in keys]
    device = tinygrad.Device[tinygrad.Device.DEFAULT]

    @tinygrad.TinyJit
    def compiled(*values):
        found = runner(dict(zip(keys, values)))
        tinygrad.Tensor.realize(*found.values())
        return found

    result = []

    def call():
        result[:] = [compiled(*tensors)]
        device.synchronize()

    # The first calls run and record, later ones replay.
    for _ in range(3):
        call()
    return names, call, lambda: [result[0][name].numpy() for name in names]


# How a runtime is loaded, the modules that it takes, and the package whose version tells.
PEERS = {
    "onnxruntime": (onnxruntime, {"onnxruntime": "onnxruntime"}),
    "openvino": (openvino, {"openvino": "openvino"}),
    "litert": (litert, {"ai_edge_litert": "ai-edge-litert"}),
    "iree": (iree, {"iree.compiler": "iree-base-compiler", "iree.runtime": "iree-base-runtime", "onnx": "onnx"}),
    "tvm": (tvm, {"tvm": "apache-tvm", "onnx": "onnx"}),
    "torch": (torch, {"torch": "torch", "onnx": "onnx"}),
    "jax": (jax, {"jax": "jax", "onnx": "onnx"}),
    "tinygrad": (tinygrad, {"tinygrad": "tinygrad"}),
}


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def listing():
    """A line for each runtime, name, version and what is missing, and a last one with Python's version."""
    for name, (_, modules) in PEERS.items():
        modules = dict(modules, numpy="numpy")
        missing = [package for module, package in modules.items() if not is_installed(module)]
        answer(f"peer {name} {version(next(iter(modules.values()))) or '-'} {','.join(missing) or '-'}")
    answer(f"python {sys.version.split()[0]}")


def work(name, case):
    import gc

    import numpy

    names, call, outputs = PEERS[name][0](case)
    out = case.folder / name
    out.mkdir(exist_ok=True)
    call()
    for output, value in zip(names, outputs()):
        numpy.save(out / file_name(output), numpy.asarray(value))
    say(event="ready")
    gc.collect()
    gc.disable()
    clock = time.perf_counter_ns
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] == "quit":
            break
        least, most = int(words[2]), int(words[3])
        call()
        times = []
        end = clock() + int(float(words[1]) * 1e9)
        while len(times) < most and (len(times) < least or clock() < end):
            start = clock()
            call()
            times.append(clock() - start)
        times.sort()
        places = [times[int((len(times) - 1) * part)] for part in (0, 0.1, 0.5, 0.9)]
        say(event="slice", ns=places, n=len(times))
    say(event="bye")


def main():
    global CHANNEL
    CHANNEL = os.dup(1)
    os.dup2(2, 1)
    if sys.argv[1:] == ["list"]:
        listing()
    elif len(sys.argv) == 7 and sys.argv[1] == "run" and sys.argv[2] in PEERS:
        work(sys.argv[2], Case(sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6]))
    else:
        sys.exit(__doc__)
    # Some runtimes do not end their threads.
    os._exit(0)


if __name__ == "__main__":
    main()
