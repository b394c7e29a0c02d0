// SPDX-License-Identifier: Apache-2.0
// A call's arguments matched with what a layer or operator takes.

import GraphIR
import GraphLanguage
import GraphSupport
import TensorCore

extension Environment {
  /// The arguments of a call by name: positional ones first, in the order of `names`.
  func arguments(
    of call: Call, names: [String], required: [String], in file: GraphFile
  ) throws(ResolveError) -> [(name: String, value: AttributeValue, range: SourceRange)] {
    var result: [(name: String, value: AttributeValue, range: SourceRange)] = []
    for (place, argument) in call.arguments.enumerated() {
      let name: String
      if let given = argument.name {
        guard names.contains(given) else {
          throw ResolveError(
            "'\(call.name)' has no argument '\(given)'", id: "unknown-argument",
            at: argument.nameRange ?? argument.value.range,
            notes: [names.isEmpty ? "it takes none" : "it takes \(names.joined(separator: ", "))"],
            fixIt: nearest(given, among: names))
        }
        name = given
      } else {
        guard place < names.count else {
          throw ResolveError(
            "'\(call.name)' takes \(names.isEmpty ? "no arguments" : "at most \(names.count) argument\(names.count == 1 ? "" : "s")"), "
              + "found \(call.arguments.count)", id: "too-many-arguments", at: argument.value.range,
            notes: names.isEmpty ? [] : ["they are \(names.joined(separator: ", "))"])
        }
        name = names[place]
      }
      if result.contains(where: { $0.name == name }) {
        throw ResolveError(
          "'\(name)' of '\(call.name)' is given twice", id: "repeated-argument",
          at: argument.nameRange ?? argument.value.range)
      }
      result.append((name, try value(argument.value, in: file), argument.value.range))
    }
    let missing = required.filter { name in !result.contains { $0.name == name } }
    if !missing.isEmpty {
      throw ResolveError(
        "'\(call.name)' needs \(missing.map { "'\($0)'" }.joined(separator: " and "))", id: "missing-argument",
        at: call.nameRange, notes: ["its arguments are \(names.joined(separator: ", "))"])
    }
    return result
  }

  /// A layer with a call's arguments, and whether its parameters are trained: `trainable = false` freezes any layer.
  func layer(
    _ type: any Layer.Type, _ call: Call, in file: GraphFile
  ) throws(ResolveError) -> (layer: any Layer, isTrainable: Bool) {
    var layer: any Layer = type.init()
    var call = call
    var isTrainable = true
    if let place = call.arguments.firstIndex(where: { $0.name == "trainable" }) {
      let argument = call.arguments.remove(at: place)
      guard let flag = Bool(try value(argument.value, in: file)) else {
        throw ResolveError(
          "'trainable' of '\(call.name)' must be true or false", id: "wrong-argument", at: argument.value.range)
      }
      isTrainable = flag
    }
    let descriptions = type.argumentDescriptions
    for argument in try arguments(of: call, names: descriptions.map(\.name), required: type.required, in: file) {
      if !layer.set(argument.name, argument.value) {
        throw wrongKind(argument.name, call, descriptions, argument.range, in: file)
      }
    }
    if var wrapper = layer as? any WrapperLayer {
      try wrap(&wrapper, call, names: descriptions.map(\.name), in: file)
      layer = wrapper
    }
    return (layer, isTrainable)
  }

  /// Reads the layers that are arguments of another.
  private func wrap(
    _ wrapper: inout any WrapperLayer, _ call: Call, names: [String], in file: GraphFile
  ) throws(ResolveError) {
    for (place, argument) in call.arguments.enumerated() {
      let name = argument.name ?? (place < names.count ? names[place] : "")
      guard type(of: wrapper).layerArguments.contains(name) else { continue }
      if case .none = argument.value.kind { continue }
      var items: [(name: String, expression: Expression)] = [(name, argument.value)]
      switch argument.value.kind {
      case .list(let list), .tuple(let list): items = list.enumerated().map { ("\(name)\($0)", $1) }
      default: break
      }
      for item in items {
        guard let inner = item.expression.asCall, let type = LayerRegistry.layer(named: inner.name) else {
          let text = file.source.text(item.expression.range)
          throw ResolveError(
            "'\(name)' of '\(call.name)' must be a layer, found '\(text)'", id: "wrong-argument",
            at: item.expression.range,
            fixIt: nearest(item.expression.asCall?.name ?? text, among: LayerRegistry.names))
        }
        wrapper.layers[item.name] = try layer(type, inner, in: file).layer
      }
    }
  }

  /// An operator with a call's arguments.
  func operation(_ type: any Operation.Type, _ call: Call, in file: GraphFile) throws(ResolveError) -> any Operation {
    var operation: any Operation = type.init()
    let descriptions = type.attributeDescriptions
    for argument in try arguments(of: call, names: descriptions.map(\.name), required: [], in: file) {
      do throws(TypeError) {
        try operation.setAttribute(argument.name, argument.value)
      } catch {
        throw wrongKind(argument.name, call, descriptions, argument.range, in: file)
      }
    }
    return operation
  }

  private func wrongKind(
    _ name: String, _ call: Call, _ descriptions: [AttributeDescription], _ range: SourceRange, in file: GraphFile
  ) -> ResolveError {
    let kind = descriptions.first { $0.name == name }?.kind ?? "another kind of value"
    let text = file.source.text(range)
    return ResolveError(
      "'\(name)' of '\(call.name)' must be \(kind), found \(text.hasPrefix("'") ? text : "'\(text)'")",
      id: "wrong-argument",
      at: range, fixIt: nearest(text, among: Array(parameters.keys) + Array(dims.keys)))
  }
}
