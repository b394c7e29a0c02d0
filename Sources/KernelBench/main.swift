import LLVMBackend
import KernelIR
import TensorCore
import Glibc
let settings = Settings(target: CommandLine.arguments.count > 2 ? try .named(CommandLine.arguments[2]) : .native, repeats: 60, repeatNanoseconds: 200_000)
let target = settings.target
let peak = try Peak.measure(settings)
print("peak", peak.flops)
for b in peak.bandwidths { print(b) }
func r(_ x: Double) -> Double { (x * 100).rounded() / 100 }
let cases = [.dense(13, 9, 50, target, epilogue: .gelu), .dense(8, 9, 48, target, epilogue: .gelu), .dense(1, 9, 9, target, epilogue: .gelu), .dense(5, 9, 70, target, epilogue: .gelu),ContractionCase.dense(64, 64, 64, target), .dense(128,128,128,target), .dense(256,256,256,target), .dense(128, 784, 128, target), .dense(8, 784, 128, target), .dense(32, 784, 128, target),.dense(128, 768, 768, target),.dense(128, 768, 768, target, epilogue: .biasRelu),.dense(128, 768, 768, target, epilogue: .gelu),
  .convolution("56x56x64->64", output: 56, channels: 64, filters: 64, size: 3, stride: 1, target),
  .convolution("28x28x128->128", output: 28, channels: 128, filters: 128, size: 3, stride: 1, target),
  .convolution("32x32x3->32", output: 32, channels: 3, filters: 32, size: 3, stride: 1, target),
  .convolution("28x28x1->32", output: 28, channels: 1, filters: 32, size: 3, stride: 1, target),
  .dense(1, 784, 128, target), .dense(1, 768, 768, target), .dense(1, 768, 3072, target), .dense(1, 3072, 768, target), .dense(2, 768, 3072, target), .dense(4, 768, 3072, target)]
for c in cases {
  if CommandLine.arguments.count > 1, CommandLine.arguments[1] != "-", !c.name.contains(CommandLine.arguments[1]) { continue }
  let t0 = threadNanoseconds()
  let code = try KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1).load([c.kernel])
  let t1 = threadNanoseconds()
  if CommandLine.arguments.count > 3 { print(try KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1).assembly(c.kernel)) }
  let call = Call(code: code, arrays: c.arrays.map { Memory(floats: $0) }, tiles: c.tiles)
  let ns = call.nanoseconds(settings)
  print(c.name, c.kernel.body.first.map { if case .contract(let x) = $0 { return "\(x.tile.rows)x\(x.tile.columns)u\(x.tile.unroll)" }; return "" } ?? "", "us", r(ns / 1000), "% peak", r(100 * c.flops / ns / peak.flops), "% read", r(100 * Double(c.weightBytes) / ns / peak.read(c.weightBytes)), "compile ms", r((t1 - t0) / 1e6))
}
