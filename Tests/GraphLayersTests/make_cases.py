# SPDX-License-Identifier: Apache-2.0
"""Writes Fixtures/keras.safetensors: what Keras itself computes for each layer and argument.

    python3 -m venv .build/keras && .build/keras/bin/pip install keras==3.15.1 numpy jax scipy
    .build/keras/bin/python Tests/GraphLayersTests/make_cases.py

A case is a box as people write it: the same text is read by Lamina and, with Python's meaning of the same call, by
Keras (numpy backend). Its inputs, random weights by their Keras paths and outputs are tensors of the file; the .graph
text, and Keras' arguments with their defaults, are the file's metadata.
"""
import inspect
import json
import os
import re
import struct
import sys

os.environ["KERAS_BACKEND"] = "numpy"
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras.src.activations import ALL_OBJECTS_DICT as ACTIVATIONS  # noqa: E402

OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Fixtures", "keras.safetensors")
# Arguments of a layer here that are arguments of the call in Keras.
CALL_ARGUMENTS = {"use_causal_mask", "return_attention_scores", "reverse"}

# (box, inputs). An input is a shape, with "i:n" for integers below n, "b" for bools, "p" for pixels; a dict names
# operands. The batch is 2.
CASES = []


def case(box, *inputs, **operands):
    CASES.append((box, list(inputs), operands))


IMAGE, SEQUENCE, VOLUME = (2, 5, 6, 4), (2, 7, 4), (2, 4, 5, 3, 2)


def core():
    case("Dense(3)", (2, 4))
    case("Dense(3, activation = relu, use_bias = false)", SEQUENCE)
    case("Dense(2, activation = softmax)", (2, 4), )
    case("Dense(2)", (2, 4, "i:9"))
    case("EinsumDense('ab,bc->ac', 3)", (2, 4))
    case("EinsumDense('abc,cd->abd', (none, 3), bias_axes = 'd', activation = relu)", SEQUENCE)
    case("EinsumDense('...x,xy->...y', 3, bias_axes = 'y')", IMAGE)
    case("EinsumDense('abc,cde->abde', (7, 2, 3), bias_axes = 'de')", SEQUENCE)
    case("EinsumDense('abcd,cde->abe', (3, 5), bias_axes = 'be')", (2, 3, 4, 2))
    case("EinsumDense('ab...,bc->ac...', 3, bias_axes = 'c')", (2, 4, 5))
    case("Embedding(9, 3)", (2, 5, "i:9"))
    case("Embedding(6, 2, mask_zero = true)", (2, 3, 2, "i:6"))
    case("Masking(mask_value = 0.5)", SEQUENCE)
    case("Identity", IMAGE)


def convolutions():
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME)):
        name = f"Conv{rank}D"
        first = (shape[0], shape[-1], *shape[1:-1])
        case(f"{name}(3, 2)", shape)
        case(f"{name}(4, 3, padding = same, activation = relu, strides = 2)", shape)
        case(f"{name}(4, 2, groups = 2, use_bias = false)", shape)
        case(f"{name}(2, 2, dilation_rate = 2)", shape)
        case(f"{name}(3, 2, data_format = channels_first, padding = same)", first)
        if rank == 1:
            case(f"{name}(3, 3, padding = causal, dilation_rate = 2)", shape)
        if rank == 2:
            case(f"{name}(3, (2, 3), strides = (2, 1), activation = tanh)", shape)
        name += "Transpose"
        for extra in ("", ", strides = 2", ", strides = 3", ", padding = same, strides = 2", ", padding = same",
                      ", strides = 2, output_padding = 1", ", padding = same, strides = 2, output_padding = 1",
                      ", use_bias = false, activation = relu"):
            case(f"{name}(3, {2 if rank == 3 else 3}{extra})", shape)
        case(f"{name}(2, 2, strides = 3, data_format = channels_first)", first)
        if rank < 3:
            case(f"{name}(2, 2, dilation_rate = 2)", shape)
            case(f"DepthwiseConv{rank}D(2)", shape)
            case(f"DepthwiseConv{rank}D(3, padding = same, strides = 2, depth_multiplier = 2, activation = relu)", shape)
            case(f"DepthwiseConv{rank}D(2, dilation_rate = 2, use_bias = false)", shape)
            case(f"DepthwiseConv{rank}D(2, data_format = channels_first)", first)
            case(f"SeparableConv{rank}D(3, 2)", shape)
            case(f"SeparableConv{rank}D(3, 3, padding = same, strides = 2, depth_multiplier = 2)", shape)
            case(f"SeparableConv{rank}D(3, 2, dilation_rate = 2, use_bias = false, activation = relu)", shape)
            case(f"SeparableConv{rank}D(3, 2, data_format = channels_first)", first)


def pooling():
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME)):
        first = (shape[0], shape[-1], *shape[1:-1])
        for kind in ("Max", "Average"):
            name = f"{kind}Pooling{rank}D"
            case(f"{name}(2)", shape)
            case(f"{name}(3, strides = 1, padding = same)", shape)
            case(f"{name}(2, strides = 3, padding = same)", shape)
            case(f"{name}(2, data_format = channels_first)", first)
            case(f"Global{name}", shape)
            case(f"Global{name}(data_format = channels_first, keepdims = true)", first)
            case(f"Adaptive{name}(2)", shape)
            case(f"Adaptive{name}({(3, (3, 2), (2, 3, 1))[rank - 1]}, data_format = channels_first)", first)
    case("GlobalAveragePooling1D", inputs=SEQUENCE, mask=(2, 7, "b"))


def normalization():
    case("BatchNormalization", IMAGE)
    case("BatchNormalization(axis = 1, epsilon = 0.01, center = false)", SEQUENCE)
    case("BatchNormalization(scale = false)", (2, 4))
    case("LayerNormalization", SEQUENCE)
    case("LayerNormalization(axis = (1, 2), epsilon = 0.01)", IMAGE)
    case("LayerNormalization(axis = 1, center = false, scale = false)", SEQUENCE)
    case("GroupNormalization(2)", IMAGE)
    case("GroupNormalization(-1, axis = 1, epsilon = 0.01)", (2, 4, 5))
    case("GroupNormalization(4, center = false, scale = false)", (2, 8))
    case("RMSNormalization", SEQUENCE)
    case("RMSNormalization(axis = (1, 2), epsilon = 0.1)", SEQUENCE)
    case("UnitNormalization", SEQUENCE)
    case("UnitNormalization(axis = (1, 2))", SEQUENCE)


def regularization():
    case("Dropout(0.5)", IMAGE)
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME)):
        case(f"SpatialDropout{rank}D(0.3)", shape)
    case("GaussianDropout(0.5)", IMAGE)
    case("GaussianNoise(0.5)", IMAGE)
    case("AlphaDropout(0.5)", IMAGE)
    case("ActivityRegularization(l2 = 0.1)", IMAGE)


def attention():
    case("MultiHeadAttention(2, 3)", query=SEQUENCE, value=(2, 5, 6))
    case("MultiHeadAttention(2, 3, value_dim = 2, use_bias = false, output_shape = 5)", query=SEQUENCE, value=(2, 5, 6),
         key=(2, 5, 3))
    case("MultiHeadAttention(2, 2, use_causal_mask = true)", query=SEQUENCE, value=SEQUENCE)
    case("MultiHeadAttention(2, 2, use_causal_mask = true, return_attention_scores = true)", query=SEQUENCE,
         value=SEQUENCE)
    case("MultiHeadAttention(2, 2, sliding_window = 2)", query=SEQUENCE, value=SEQUENCE)
    case("MultiHeadAttention(2, 2, use_gate = true)", query=SEQUENCE, value=SEQUENCE)
    case("MultiHeadAttention(2, 2)", query=SEQUENCE, value=(2, 5, 6), attention_mask=(2, 7, 5, "b"))
    case("MultiHeadAttention(2, 2)", query=SEQUENCE, value=(2, 5, 6), value_mask=(2, 5, "b"))
    case("MultiHeadAttention(2, 3)", query=(2, 3, 4, 5), value=(2, 2, 3, 4))
    case("MultiHeadAttention(2, 3, attention_axes = 2)", query=(2, 3, 4, 5), value=(2, 3, 2, 5))
    case("GroupQueryAttention(3, 4, 2)", query=SEQUENCE, value=(2, 5, 4))
    case("GroupQueryAttention(2, 4, 1, use_causal_mask = true, use_bias = false)", query=SEQUENCE, value=SEQUENCE)
    case("GroupQueryAttention(2, 2, 2, sliding_window = 2, use_gate = true)", query=SEQUENCE, value=SEQUENCE)
    case("GroupQueryAttention(2, 4, 2, return_attention_scores = true)", query=SEQUENCE, value=(2, 5, 4),
         attention_mask=(2, 7, 5, "b"))
    for name in ("Attention", "AdditiveAttention"):
        case(name, query=SEQUENCE, value=(2, 5, 4))
        case(f"{name}(use_scale = true)", query=SEQUENCE, value=(2, 5, 3), key=(2, 5, 4))
        case(f"{name}(use_scale = false, use_causal_mask = true, return_attention_scores = true)", query=SEQUENCE,
             value=SEQUENCE)
        case(name, query=SEQUENCE, value=(2, 5, 4), query_mask=(2, 7, "b"), value_mask=(2, 5, "b"))
    case("Attention(use_scale = true, score_mode = concat)", query=SEQUENCE, value=(2, 5, 4))


def reshaping():
    case("Flatten", IMAGE)
    case("Flatten(data_format = channels_first)", IMAGE)
    case("Flatten", (2,))
    case("Reshape((3, -1))", (2, 6, 4))
    case("Reshape((2, 12))", (2, 6, 4))
    case("Permute((2, 1))", SEQUENCE)
    case("Permute((3, 1, 2))", IMAGE)
    case("RepeatVector(3)", (2, 4))
    case("UpSampling1D(3)", SEQUENCE)
    case("UpSampling2D((2, 3))", IMAGE)
    case("UpSampling2D(2, data_format = channels_first)", IMAGE)
    for interpolation in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        case(f"UpSampling2D((2, 3), interpolation = {interpolation})", IMAGE)
    case("UpSampling3D((1, 2, 3))", VOLUME)
    case("UpSampling3D(data_format = channels_first)", VOLUME)
    case("ZeroPadding1D(2)", SEQUENCE)
    case("ZeroPadding1D((1, 0), data_format = channels_first)", SEQUENCE)
    case("ZeroPadding2D", IMAGE)
    case("ZeroPadding2D((1, 2), data_format = channels_first)", IMAGE)
    case("ZeroPadding2D(((1, 0), (2, 3)))", IMAGE)
    case("ZeroPadding3D(((1, 0), (0, 2), (1, 1)))", VOLUME)
    case("ZeroPadding3D((1, 0, 2), data_format = channels_first)", VOLUME)
    case("Cropping1D((1, 2))", SEQUENCE)
    case("Cropping2D(1)", IMAGE)
    case("Cropping2D(((1, 0), (2, 3)))", IMAGE)
    case("Cropping2D((1, 2), data_format = channels_first)", (2, 3, 5, 6))
    case("Cropping3D(((1, 0), (0, 2), (1, 1)))", VOLUME)


def merging():
    for name in ("Add", "Multiply", "Maximum", "Minimum", "Average"):
        case(name, (2, 4), (2, 4), (2, 4))
        case(name, SEQUENCE, (2, 1, 4))
    case("Subtract", (2, 4), (2, 4))
    case("Concatenate", (2, 4), (2, 3), (2, 1))
    case("Concatenate(axis = 1)", SEQUENCE, (2, 2, 4))
    case("Dot(1)", (2, 4), (2, 4))
    case("Dot(-1, normalize = true)", (2, 4), (2, 4))
    case("Dot((2, 1))", SEQUENCE, (2, 4, 3))
    case("Dot((1, 2), normalize = true)", SEQUENCE, (2, 3, 7))
    case("Dot((2, 1))", SEQUENCE, (2, 4))
    case("Dot((3, 2))", IMAGE, (2, 3, 4, 2))


def activations():
    for name in sorted(ACTIVATIONS):
        # threshold has arguments without defaults; Keras' sparsemax adds cumulative sums, so that its results do not sum
        # to one as Martins and Astudillo's do.
        if name not in ("threshold", "sparsemax"):
            case(f"Activation({name})", (2, 3, 6))
    case("ReLU", (2, 6))
    case("ReLU(max_value = 1, negative_slope = 0.2, threshold = 0.5)", (2, 3, 6))
    case("ReLU(max_value = 6, negative_slope = 0.1)", (2, 3, 6))
    case("ReLU(threshold = 0.5)", (2, 3, 6))
    case("LeakyReLU", (2, 3, 6))
    case("LeakyReLU(0.1)", (2, 6))
    case("ELU(0.7)", (2, 3, 6))
    case("PReLU", (2, 3, 6))
    case("PReLU(shared_axes = (1, 2))", IMAGE)
    case("Softmax", (2, 3, 6))
    case("Softmax(axis = 1)", (2, 3, 6))
    case("Softmax(axis = (1, 2))", (2, 3, 6))
    case("Softmax", inputs=(2, 3, 6), mask=(2, 3, 6, "b"))


def preprocessing():
    case("Rescaling(0.5, offset = -1.0)", IMAGE)
    case("Rescaling(0.125)", (2, 4, "i:255"))
    case("Normalization", (2, 3, 4))
    case("Normalization(axis = none)", (2, 3))
    case("Normalization(axis = (1, 2))", (2, 3, 4))
    case("Normalization(mean = 2.0, variance = 4.0)", (2, 3))
    case("Normalization(axis = -1, mean = [1.0, 2.0, 3.0], variance = [4.0, 0.25, 1.0], invert = true)", (2, 2, 3))
    for mode in ("int", "one_hot", "multi_hot", "count"):
        case(f"Discretization(bin_boundaries = [-1.0, 0.0, 0.5], output_mode = {mode})", (2, 3))
    case("Discretization(bin_boundaries = [-1.0, 0.0], output_mode = one_hot)", (2, 1))
    for mode in ("one_hot", "multi_hot", "count"):
        case(f"CategoryEncoding(5, output_mode = {mode})", (2, 3, "i:5"))
    case("CategoryEncoding(5, output_mode = one_hot)", (2, 1, "i:5"))
    case("CategoryEncoding(4, output_mode = count)", inputs=(2, 3, "i:4"), count_weights=(2, 3))
    case("CenterCrop(3, 4)", IMAGE)
    case("CenterCrop(3, 4)", (5, 7, 2))
    case("CenterCrop(8, 4)", IMAGE)
    case("CenterCrop(2, 5, data_format = channels_first)", (2, 3, 5, 6))
    for interpolation in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        case(f"Resizing(7, 4, interpolation = {interpolation})", IMAGE)
    case("Resizing(3, 2, antialias = true)", IMAGE)
    case("Resizing(3, 2, antialias = true, interpolation = bicubic)", IMAGE)
    case("Resizing(4, 4, crop_to_aspect_ratio = true)", (2, 5, 9, 2))
    case("Resizing(4, 4, pad_to_aspect_ratio = true, fill_value = 1.0)", (2, 5, 9, 2))
    case("Resizing(4, 3, data_format = channels_first)", (2, 3, 5, 6))
    case("Resizing(4, 3)", (2, 5, 6, 3, "i:255"))
    case("AutoContrast", (2, 4, 5, 3, "p"))
    case("AutoContrast(value_range = (0, 1))", (2, 4, 5, 3))
    for box in ("RandomFlip", "RandomRotation(0.2)", "RandomZoom(0.2)", "RandomTranslation(0.2, 0.1)",
                "RandomShear(0.2, 0.1)", "RandomPerspective(0.5, 0.5)", "RandomElasticTransform(0.5, 0.5)", "RandomBrightness(0.2)",
                "RandomContrast(0.2)", "RandomSaturation(0.2)", "RandomHue(0.2)", "RandomSharpness(0.2)",
                "RandomColorDegeneration(0.2)", "RandomColorJitter", "RandomGrayscale", "RandomInvert(0.5)",
                "RandomPosterization(4)", "RandomGaussianBlur(0.5)", "RandomErasing(0.5)", "Solarization(0.1, 0.2)",
                "Equalization", "MixUp", "CutMix", "AugMix", "RandAugment"):
        case(box, (2, 4, 5, 3, "p"))
    case("RandomCrop(3, 3)", IMAGE)
    case("MelSpectrogram(fft_length = 16, sequence_stride = 4, num_mel_bins = 5, sampling_rate = 800)", (2, 30))
    case("MelSpectrogram(fft_length = 16, sequence_stride = 8, sequence_length = 12, num_mel_bins = 4, sampling_rate = 800, "
         "power_to_db = false, mag_exp = 1.0, window = hamming, max_freq = 300)", (2, 30))
    case("STFTSpectrogram(frame_length = 6)", (2, 20, 2))
    for mode in ("magnitude", "psd", "real", "imag", "angle", "stft"):
        case(f"STFTSpectrogram(mode = {mode}, frame_length = 6, frame_step = 4, fft_length = 10, padding = same)", (2, 20, 2))
    case("STFTSpectrogram(mode = stft, frame_length = 4, expand_dims = true)", (2, 20, 2))
    case("STFTSpectrogram(mode = psd, frame_length = 4, data_format = channels_first)", (2, 2, 20))


def recurrent():
    for name in ("LSTM", "GRU", "SimpleRNN"):
        case(f"{name}(3)", SEQUENCE)
        case(f"{name}(3, return_sequences = true, return_state = true)", SEQUENCE)
        case(f"{name}(2, return_sequences = true, go_backwards = true, use_bias = false)", SEQUENCE)
        case(f"{name}(2, activation = relu)", SEQUENCE)
        case(f"{name}(3, return_sequences = true)", inputs=SEQUENCE, mask=(2, 7, "b"))
        case(f"{name}(3, return_state = true, go_backwards = true)", inputs=SEQUENCE, mask=(2, 7, "b"))
        case(f"Bidirectional({name}(3))", SEQUENCE)
        case(f"Bidirectional({name}(2, return_sequences = true, return_state = true), merge_mode = sum)", SEQUENCE)
        case(f"Bidirectional({name}(2, return_sequences = true), merge_mode = none)", SEQUENCE)
        case(f"Bidirectional({name}(2, return_sequences = true), merge_mode = mul)", inputs=SEQUENCE, mask=(2, 7, "b"))
        case(f"Bidirectional({name}(2), merge_mode = ave)", inputs=SEQUENCE, mask=(2, 7, "b"))
    case("LSTM(3, recurrent_activation = hard_sigmoid, return_sequences = true)", SEQUENCE)
    case("LSTM(3, return_state = true)", inputs=SEQUENCE, initial_state=(2, 3), initial_cell=(2, 3))
    case("GRU(3, reset_after = false)", SEQUENCE)
    case("GRU(3, reset_after = false, use_bias = false, return_sequences = true)", SEQUENCE)
    case("GRU(3)", inputs=SEQUENCE, initial_state=(2, 3))
    case("TimeDistributed(Dense(3))", SEQUENCE)
    case("TimeDistributed(Conv2D(2, 2, activation = relu))", (2, 3, 4, 5, 2))
    case("TimeDistributed(Flatten)", (2, 3, 4, 2))
    case("SpectralNormalization(Dense(3))", (2, 4))
    case("SpectralNormalization(Conv1D(3, 2))", SEQUENCE)
    for rank, shape in ((1, (2, 3, 5, 2)), (2, (2, 3, 4, 3, 2)), (3, (2, 2, 3, 2, 3, 2))):
        case(f"ConvLSTM{rank}D(2, 2, padding = same, return_sequences = true)", shape)
        case(f"ConvLSTM{rank}D(2, 2, return_state = true)", shape)
        first = (*shape[:2], shape[-1], *shape[2:-1])
        case(f"ConvLSTM{rank}D(2, 2, data_format = channels_first, return_state = true)", first)
        case(f"ConvLSTM{rank}D(2, 2, data_format = channels_first, padding = same, return_sequences = true)", first)


def cells():
    for name, states in (("LSTM", 2), ("GRU", 1), ("SimpleRNN", 1)):
        given = dict(zip(("hidden", "cell"), [(2, 3)] * states))
        case(f"{name}Cell(3)", inputs=(2, 4), **given)
        case(f"{name}Cell(3, activation = relu, use_bias = false)", inputs=(2, 4), **given)
        case(f"RNN({name}Cell(3))", SEQUENCE)
        case(f"RNN({name}Cell(3), return_sequences = true, return_state = true, go_backwards = true)", SEQUENCE)
        case(f"RNN({name}Cell(3), return_sequences = true, zero_output_for_mask = true)", inputs=SEQUENCE,
             mask=(2, 7, "b"))
        case(f"Bidirectional(RNN({name}Cell(2), return_sequences = true))", SEQUENCE)
    case("GRUCell(3, reset_after = false)", inputs=(2, 4), hidden=(2, 3))
    case("RNN(LSTMCell(3), return_state = true)", inputs=SEQUENCE, initial_state=(2, 3), initial_cell=(2, 3))
    case("StackedRNNCells([LSTMCell(3), GRUCell(2), LSTMCell(2)])", (2, 4), (2, 3), (2, 3), (2, 2), (2, 2), (2, 2))
    case("RNN([LSTMCell(3), GRUCell(2)])", SEQUENCE)
    case("RNN(StackedRNNCells([GRUCell(2), LSTMCell(3), SimpleRNNCell(2)]), return_sequences = true, "
         "return_state = true)", SEQUENCE)
    case("RNN([SimpleRNNCell(3), LSTMCell(2)], return_sequences = true, go_backwards = true)", inputs=SEQUENCE,
         mask=(2, 7, "b"))
    case("RNN([LSTMCell(2), GRUCell(2)], return_state = true)", inputs=SEQUENCE, mask=(2, 7, "b"))
    case("ReversibleEmbedding(9, 3)", (2, 5, "i:9"))
    case("ReversibleEmbedding(9, 3, tie_weights = false)", (2, 5, "i:9"))
    case("ReversibleEmbedding(9, 3, reverse = true)", (2, 5, 3))
    case("ReversibleEmbedding(9, 3, tie_weights = false, logit_soft_cap = 2.0, reverse = true)", (2, 5, 3))


class Names(dict):
    """Python's meaning of a box: plain names are strings, as in a .graph."""

    def __missing__(self, name):
        constants = {"true": True, "false": False, "none": None}
        return constants[name] if name in constants else name


def build(box):
    """The Keras layer of a box, named y, and the arguments of its call."""
    call_arguments = {}
    outer = re.match(r"\w+", box).group()
    # A layer alone as an argument is that layer.
    box = re.sub(r"\((\w+)\)", lambda match: f"({match[1]}())" if hasattr(keras.layers, match[1]) else match[0], box)

    def maker(name):
        def make(*positional, **named):
            if name == outer:
                for key in CALL_ARGUMENTS & named.keys():
                    call_arguments[key] = named.pop(key)
                named["name"] = "y"
            return getattr(keras.layers, name)(*positional, **named)
        return make

    names = Names({name: maker(name) for name in dir(keras.layers) if name[0].isupper()})
    layer = eval(box if "(" in box else box + "()", {"__builtins__": {}}, names)
    return layer, call_arguments


def value(random, shape):
    *shape, kind = shape if isinstance(shape[-1], str) else (*shape, "f")
    if kind == "b":
        mask = random.random(shape) < 0.6
        mask[..., 0] = True
        return mask
    if kind == "p":
        return random.integers(0, 256, shape).astype(np.float32)
    if kind.startswith("i:"):
        return random.integers(0, int(kind[2:]), shape).astype(np.int32)
    return (random.integers(-64, 65, shape) / 32).astype(np.float32)


def weight(random, variable):
    shape = tuple(variable.shape)
    if "variance" in variable.path:
        return (random.integers(8, 64, shape) / 32).astype(np.float32)
    return (random.integers(-32, 33, shape) / 32).astype(np.float32)


def stack(layer):
    """The cells of a layer over cells, of stacked cells, or nothing."""
    cell = getattr(layer, "cell", layer)
    return getattr(cell, "cells", [cell] if cell is not layer else [])


def path(variable, box, layer):
    """A variable's path here: cells and wrapped layers have no boxes of their own, those of a list have numbers."""
    if box.startswith(("RNN", "StackedRNNCells")):
        found = stack(layer)
        number = next(place for place, cell in enumerate(found) if any(own is variable for own in cell.weights))
        return "/".join(["y"] + [str(number)] * (len(found) > 1) + [variable.name])
    parts = [part for part in variable.path.split("/") if not re.search(r"_cell(_\d+)?$", part)]
    if len(parts) > 2 and parts[1].startswith(("forward_", "backward_")):
        parts[1] = parts[1].split("_")[0]
    elif len(parts) > 2 and box.startswith(("TimeDistributed", "SpectralNormalization")):
        del parts[1]
    return "/".join(parts)


TYPES = {"float32": "f32", "int32": "i32", "int64": "i64", "bool": "bool"}
STORED = {"float32": "F32", "int32": "I32", "int64": "I64", "bool": "BOOL"}


def evaluate(number, box, inputs, operands, tensors, metadata):
    name = f"{number:03} {box}"
    random = np.random.default_rng(number)
    layer, call_arguments = build(box)
    given = [(f"x{place}", None, value(random, shape)) for place, shape in enumerate(inputs)]
    given += [(f"x_{key}", key, value(random, shape)) for key, shape in operands.items()]
    lines = ["graph TD"]
    for input_name, _, array in given:
        sizes = ["N" if axis == 0 and size == 2 else str(size) for axis, size in enumerate(array.shape)]
        lines.append(f'    {input_name}["Input({", ".join(sizes + [TYPES[str(array.dtype)]])})"]')
    lines.append(f'    y["{box}"]')
    for input_name, key, _ in given:
        lines.append(f"    {input_name} -->{f'|{key}|' if key else ''} y")

    if operands:
        arrays = {key: array for _, key, array in given}
        if "Attention" in box and "Head" not in box and "Query" not in box:
            masks = [arrays.pop("query_mask", None), arrays.pop("value_mask", None)]
            call = lambda: layer(list(arrays.values()), mask=masks if masks[0] is not None else None, **call_arguments)
        elif "initial_state" in arrays:
            states = [array for key, array in arrays.items() if key != "inputs"]
            call = lambda: layer(arrays["inputs"], initial_state=states)
        elif "hidden" in arrays:
            states = [array for key, array in arrays.items() if key != "inputs"]
            call = lambda: layer(arrays["inputs"], states)
        elif "inputs" in arrays:
            call = lambda: layer(arrays["inputs"], **{k: v for k, v in arrays.items() if k != "inputs"}, **call_arguments)
        else:
            call = lambda: layer(**arrays, **call_arguments)
    else:
        arrays = [array for _, _, array in given]
        if box.startswith("StackedRNNCells"):
            rest = iter(arrays[1:])
            # One state is not a list.
            states = [[next(rest) for _ in cell.state_size] if isinstance(cell.state_size, list) else next(rest)
                      for cell in layer.cells]
            layer.build(arrays[0].shape)
        argument = arrays if len(arrays) > 1 else arrays[0]
        keywords = {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
        if box.startswith("StackedRNNCells"):
            argument, keywords = arrays[0], {"states": states}
        call = lambda: layer(argument, **keywords, **call_arguments)
    call()
    for variable in layer.weights:
        if "seed" in variable.path or variable.path.endswith("/count"):
            continue
        # Each way has its own table, and a box goes one way.
        if "tie_weights = false" in box and ("reverse_" in variable.path) != ("reverse = true" in box):
            continue
        # A Fourier transform keeps its kernels: they test how these start.
        array = np.asarray(variable) if "STFT" in box else weight(random, variable)
        variable.assign(array)
        tensors[f"{name}/weight/{path(variable, box, layer)}"] = array
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
    results = call()
    results = keras.tree.flatten(results)
    for input_name, _, array in given:
        tensors[f"{name}/input/{input_name}"] = array
    for place, result in enumerate(results):
        result = np.asarray(result)
        if result.dtype == np.float64:
            result = result.astype(np.float32)
        tensors[f"{name}/output/{place}"] = result
    metadata[name] = "\n".join(lines) + "\n"


def signatures(metadata):
    """Keras' arguments in our spelling: `name` or `name = default`, one a line."""
    for name in dir(keras.layers):
        layer = getattr(keras.layers, name)
        if not (name[0].isupper() and inspect.isclass(layer) and issubclass(layer, keras.layers.Layer)):
            continue
        lines = []
        for parameter in list(inspect.signature(layer.__init__).parameters.values())[1:]:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            lines.append(parameter.name if parameter.default is parameter.empty
                         else f"{parameter.name} = {parameter.default!r}")
        metadata[f"signature {name}"] = "\n".join(lines)


def write(tensors, metadata):
    header, offset, blobs = {"__metadata__": metadata}, 0, []
    for name, array in tensors.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": STORED[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(OUTPUT, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(f"{OUTPUT}: {len(CASES)} cases, {os.path.getsize(OUTPUT)} bytes")


def main():
    for group in (core, convolutions, pooling, normalization, regularization, attention, reshaping, merging, activations,
                  preprocessing, recurrent, cells):
        group()
    tensors, metadata = {}, {}
    failed = 0
    for number, (box, inputs, operands) in enumerate(CASES):
        try:
            evaluate(number, box, inputs, operands, tensors, metadata)
        except Exception as error:  # one message a case, then the exit status
            failed += 1
            print(f"{box}: {str(error).splitlines()[0] if str(error) else repr(error)}", file=sys.stderr)
    signatures(metadata)
    write(tensors, metadata)
    sys.exit(1 if failed else 0)


main()
