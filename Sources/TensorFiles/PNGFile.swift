// SPDX-License-Identifier: Apache-2.0
// Images as tensors.
//
// Pixels have the values 0...255 in every type, floats included (a model scales them itself, as Keras' do); only u16
// has 0...65535. Grey becomes RGB by repetition, RGB becomes grey by luma (ITU-R BT.601), an alpha channel is dropped
// or added as opaque.

import GraphSupport
import TensorCore

enum PNGFile {
  /// An image as u8 `[H, W]` or `[H, W, C]`, or with the expected type, channels and axes (`ImageLayout.fitting`). A
  /// size that does not fit is an error.
  static func read(_ path: String, expecting expected: TensorType?) throws(DiagnosticsError) -> Tensor {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let fault = FileFault(path: path, format: "png file")
    let image = try PNGDecoder(file.bytes, fault).image()
    let (width, height) = (image.width, image.height)
    let own = ImageLayout(
      channels: image.channels, shape: image.channels == 1 ? [height, width] : [height, width, image.channels])
    let fitting =
      expected.map { ImageLayout.fitting($0, width: width, height: height, channels: image.channels) } ?? own
    guard let layout = fitting else {
      let size = "\(width) × \(height) pixels with \(image.channels) channels"
      throw DiagnosticsError(
        "tensor-mismatch", "\(quoted(path)) has \(size), expected \(expected?.description ?? "")", file: path)
    }
    let dtype = expected?.dtype ?? .u8
    let keepsDepth = dtype == .u16 || (dtype.isFloat && image.depth == 16)
    guard let tensor = Tensor(zeros: keepsDepth && dtype == .u16 ? .u16 : keepsDepth ? .f32 : .u8, layout.shape) else {
      throw fault.outOfMemory(width * height * 4)
    }
    fill(tensor, image, layout)
    return tensor
  }

  private static func fill(_ tensor: Tensor, _ image: Image, _ layout: ImageLayout) {
    let pixels = image.width * image.height
    for pixel in 0..<pixels {
      for channel in 0..<layout.channels {
        let value = sample(image, pixel, channel, of: layout.channels)
        let index = layout.channelsFirst ? channel * pixels + pixel : pixel * layout.channels + channel
        switch tensor.dtype {
        case .u8: tensor.set(index, integer: (Int64(value) + 128) / 257)
        case .u16: tensor.set(index, integer: Int64(value))
        default: tensor.set(index, Double(value) / 257)
        }
      }
    }
  }

  /// A sample of the image as if it had `channels` channels.
  private static func sample(_ image: Image, _ pixel: Int, _ channel: Int, of channels: Int) -> UInt16 {
    let base = pixel * image.channels
    let ownColours = image.channels >= 3 ? 3 : 1
    let colours = channels >= 3 ? 3 : 1
    if channel == colours { return image.channels > ownColours ? image.samples[base + ownColours] : .max }
    if ownColours == colours { return image.samples[base + channel] }
    if ownColours == 1 { return image.samples[base] }
    let weights = [299, 587, 114]
    var luma = 500
    for colour in 0..<3 { luma += weights[colour] * Int(image.samples[base + colour]) }
    return UInt16(luma / 1000)
  }

  /// Writes `[H, W]`, `[H, W, C]` or `[C, H, W]` with C from 1 to 4, behind any axes of 1. u16 gives 16 bits; other
  /// types 8: integers 0...255 as they are, `bool` as black and white, floats scaled by 255 when all are in 0...1, else
  /// rounded, from 0...255.
  static func write(_ tensor: Tensor, to path: String) throws(DiagnosticsError) {
    guard let (layout, height, width) = ImageLayout.of(tensor.shape), width > 0, height > 0,
      width < 1 << 28, height < 1 << 28
    else {
      throw DiagnosticsError(
        "file-write", "\(tensor.type) is no image, expected [H, W], [H, W, C] or [C, H, W] with C from 1 to 4",
        file: path)
    }
    let values = tensor.doubles()
    let isWide = tensor.dtype == .u16
    let isUnit = { (value: Double) -> Bool in value >= 0 && value <= 1 }
    let unit = tensor.dtype == .bool || (tensor.dtype.isFloat && values.allSatisfy(isUnit))
    let largest: Double = isWide ? 65535 : 255
    let isOutside = { (value: Double) -> Bool in !(value >= 0 && value <= largest) }
    if let index = values.firstIndex(where: isOutside) {
      throw DiagnosticsError(
        "file-write",
        "element \(index) is \(values[index]), an image has the values 0...\(Int(largest)), or 0...1 in floats",
        file: path)
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(values.count * (isWide ? 2 : 1))
    for pixel in 0..<width * height {
      for channel in 0..<layout.channels {
        let index = layout.channelsFirst ? channel * width * height + pixel : pixel * layout.channels + channel
        let value = UInt16((unit ? values[index] * 255 : values[index]).rounded())
        if isWide { pixels.append(UInt8(value >> 8)) }
        pixels.append(UInt8(truncatingIfNeeded: value))
      }
    }
    let bytes = try PNGEncoder.encode(
      pixels, width: width, height: height, channels: layout.channels, depth: isWide ? 16 : 8,
      FileFault(path: path, format: "png file"))
    try AtomicFile.write(bytes, to: path)
  }
}
