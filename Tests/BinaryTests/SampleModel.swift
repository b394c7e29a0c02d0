// SPDX-License-Identifier: Apache-2.0
// A model with kernels in C: softmax(x · w + b) over a dynamic number of rows, and the largest class.

import ExecutableLinker
import Foundation
import PlanIR
import TensorCore

let sampleInputs = 784
let sampleClasses = 10

private let kernelSource = """
  #include <stdint.h>
  typedef float vector __attribute__((vector_size(16)));
  void k_dense(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end, void *scratch) {
    const float *x = buffers[0], *w = buffers[1], *b = buffers[2];
    float *y = buffers[3], *sum = scratch;
    for (int64_t row = begin; row < end; row++) {
      for (int64_t j = 0; j < sizes[1]; j++) sum[j] = b[j];
      for (int64_t i = 0; i < sizes[0]; i++)
        for (int64_t j = 0; j < sizes[1]; j++) sum[j] += x[row * sizes[0] + i] * w[i * sizes[1] + j];
      for (int64_t j = 0; j < sizes[1]; j++) y[row * sizes[1] + j] = sum[j];
    }
  }
  /* 2^x for x <= 0, by squaring: good enough to be a distribution */
  static float exp2_small(float x) {
    float y = 1 + x * (1.0f / 1024) * 0.6931472f;
    if (y < 0) y = 0;
    for (int i = 0; i < 10; i++) y *= y;
    return y;
  }
  void k_softmax(void *const *buffers, const int64_t *sizes, int64_t begin, int64_t end, void *scratch) {
    const float *x = buffers[0];
    float *y = buffers[1];
    int64_t *best = buffers[2], n = sizes[0];
    for (int64_t row = begin; row < end; row++) {
      float most = x[row * n], sum = 0;
      best[row] = 0;
      for (int64_t j = 1; j < n; j++) if (x[row * n + j] > most) most = x[row * n + j], best[row] = j;
      for (int64_t j = 0; j < n; j++) sum += y[row * n + j] = exp2_small(x[row * n + j] - most);
      for (int64_t j = 0; j < n; j++) y[row * n + j] /= sum;
    }
  }
  """

func samplePlan(_ name: String = "数字 digits") -> Plan {
  let n = Dim(symbol: "N")
  let (columns, classes) = (Dim(sampleInputs), Dim(sampleClasses))
  var plan = Plan(name: name, metadata: [Plan.Metadata("cpu", "x86-64-v2"), Plan.Metadata("source", "a\"b\\c")])
  plan.symbols = [Plan.Symbol("N", 1...4096)]
  plan.inputs = [Plan.Port("图像", TensorType(.f32, [n, columns]))]
  plan.outputs = [Plan.Port("probability", TensorType(.f32, [n, classes])), Plan.Port("class", TensorType(.i64, [n]))]
  let kernelBytes = sampleInputs * sampleClasses * 4
  plan.constants = [
    Plan.Constant("kernel", TensorType(.f32, [columns, classes]), offset: 0, byteCount: kernelBytes),
    Plan.Constant("bias", TensorType(.f32, [classes]), offset: (kernelBytes + 63) / 64 * 64, byteCount: 40),
  ]
  plan.weightsByteCount = (kernelBytes + 63) / 64 * 64 + 64
  plan.buffers = [Plan.Buffer("logits", byteCount: n * 40, firstStep: 0, lastStep: 1)]
  plan.kernels = ["k_dense", "k_softmax"]
  plan.steps = [
    Plan.Step(
      kernel: 0, buffers: [.init(.input(0)), .init(.constant(0)), .init(.constant(1)), .init(.arena(0))],
      sizes: [columns, classes], tiles: n, nanosecondsPerTile: 2000, scratchBytes: 40, label: "hidden"),
    Plan.Step(
      kernel: 1, buffers: [.init(.arena(0)), .init(.output(0)), .init(.output(1))], sizes: [classes], tiles: n,
      nanosecondsPerTile: 100, label: "softmax"),
  ]
  return plan
}

/// Weights such that each class sums its own stripe of the image.
private func sampleWeights() -> (kernel: [Float], bias: [Float]) {
  let kernel = (0..<sampleInputs * sampleClasses).map { index -> Float in
    let (pixel, column) = (index / sampleClasses, index % sampleClasses)
    return pixel % sampleClasses == column ? 0.25 : 0
  }
  return (kernel, (0..<sampleClasses).map { Float($0) * 0.01 })
}

/// Row `r` is bright where the pixel's number ends with `r`: its class is `r % 10`.
func sampleImage(_ rows: Int) -> [Float] {
  (0..<rows * sampleInputs).map { index in
    let (row, pixel) = (index / sampleInputs, index % sampleInputs)
    return pixel % sampleClasses == row % sampleClasses ? 0.125 : 0.0625
  }
}

/// Compiles the kernels and hands a linker over them and the weights to `body`.
func withSampleLinker<Result>(
  _ folder: Folder, name: String = "数字 digits", _ body: (ModelLinker) throws -> Result
) throws -> Result {
  try folder.write("kernels.c", Array(kernelSource.utf8))
  let compiled = try shell(
    "/usr/bin/env", ["cc", "-O2", "-fno-math-errno", "-c", folder.file("kernels.c"), "-o", folder.file("compiled.o")])
  guard compiled.status == 0 else { throw CocoaError(.executableLoad, userInfo: ["error": compiled.error]) }
  let object = try folder.read("compiled.o")
  let (kernel, bias) = sampleWeights()
  let plan = samplePlan(name)
  return try kernel.withUnsafeBytes { kernel in
    try bias.withUnsafeBytes { bias in
      try body(
        ModelLinker(
          plan: plan, kernels: object,
          weights: [
            WeightsPart(offset: plan.constants[1].offset, bytes: bias), WeightsPart(offset: 0, bytes: kernel),
          ]))
    }
  }
}

/// The bytes of a .npy file.
func npy(_ code: String, _ shape: [Int], _ bytes: [UInt8], version: UInt8 = 1, fortran: Bool = false) -> [UInt8] {
  let dims = shape.map { "\($0)," }.joined(separator: " ")
  var header = Array("{'descr': '\(code)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(dims)), }".utf8)
  let start = version == 1 ? 10 : 12
  while (start + header.count + 1) % 64 != 0 { header.append(32) }
  header.append(10)
  var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0, UInt8(header.count & 255), UInt8(header.count >> 8)]
  if version > 1 { file += [0, 0] }
  return file + header + bytes
}

func bytes<Element>(_ elements: [Element]) -> [UInt8] { elements.withUnsafeBytes { Array($0) } }
