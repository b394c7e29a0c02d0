// SPDX-License-Identifier: Apache-2.0
// Every layer, one line each.

/// The layers of the vocabulary by name.
package enum LayerRegistry {
  package static let all: [any Layer.Type] = [
    // Core
    Dense.self,
    Embedding.self,
    // Convolution
    Conv1D.self,
    Conv2D.self,
    DepthwiseConv2D.self,
    // Pooling
    AveragePooling2D.self,
    GlobalAveragePooling2D.self,
    GlobalMaxPooling2D.self,
    MaxPooling2D.self,
    // Normalization
    BatchNormalization.self,
    LayerNormalization.self,
    // Preprocessing
    Rescaling.self,
    // Regularization
    Dropout.self,
    // Reshaping
    Flatten.self,
    ReshapeLayer.self,
    // Merging
    AddLayer.self,
    AverageLayer.self,
    ConcatenateLayer.self,
    MaximumLayer.self,
    MinimumLayer.self,
    MultiplyLayer.self,
    SubtractLayer.self,
    // Activations
    ActivationLayer.self,
    ReLULayer.self,
    SoftmaxLayer.self,
  ]

  /// Other names that Keras or people use.
  package static let aliases: [String: String] = [
    "MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D", "Concat": "Concatenate", "Convolution2D": "Conv2D",
    "Convolution1D": "Conv1D", "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
  ]

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The layer of this name or alias.
  package static func layer(named name: String) -> (any Layer.Type)? { byName[name] ?? aliases[name].flatMap { byName[$0] } }

  /// Every name that `layer(named:)` knows.
  package static var names: [String] { all.map { $0.name } + aliases.keys }
}
