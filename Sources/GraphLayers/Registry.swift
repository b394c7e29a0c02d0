// SPDX-License-Identifier: Apache-2.0
// Every layer, one line each.

/// The layers of the vocabulary by name.
package enum LayerRegistry {
  package static let all: [any Layer.Type] = [
    // Core
    Dense.self,
    EinsumDense.self,
    Embedding.self,
    IdentityLayer.self,
    Masking.self,
    ReversibleEmbedding.self,
    // Convolution
    Conv1D.self,
    Conv1DTranspose.self,
    Conv2D.self,
    Conv2DTranspose.self,
    Conv3D.self,
    Conv3DTranspose.self,
    DepthwiseConv1D.self,
    DepthwiseConv2D.self,
    SeparableConv1D.self,
    SeparableConv2D.self,
    // Pooling
    AdaptiveAveragePooling1D.self,
    AdaptiveAveragePooling2D.self,
    AdaptiveAveragePooling3D.self,
    AdaptiveMaxPooling1D.self,
    AdaptiveMaxPooling2D.self,
    AdaptiveMaxPooling3D.self,
    AveragePooling1D.self,
    AveragePooling2D.self,
    AveragePooling3D.self,
    GlobalAveragePooling1D.self,
    GlobalAveragePooling2D.self,
    GlobalAveragePooling3D.self,
    GlobalMaxPooling1D.self,
    GlobalMaxPooling2D.self,
    GlobalMaxPooling3D.self,
    MaxPooling1D.self,
    MaxPooling2D.self,
    MaxPooling3D.self,
    // Normalization
    BatchNormalization.self,
    GroupNormalization.self,
    LayerNormalization.self,
    RMSNormalization.self,
    SpectralNormalization.self,
    UnitNormalization.self,
    // Recurrent
    Bidirectional.self,
    ConvLSTM1D.self,
    ConvLSTM2D.self,
    ConvLSTM3D.self,
    GRU.self,
    GRUCell.self,
    LSTM.self,
    LSTMCell.self,
    RNN.self,
    SimpleRNN.self,
    SimpleRNNCell.self,
    StackedRNNCells.self,
    TimeDistributed.self,
    // Regularization
    ActivityRegularization.self,
    AlphaDropout.self,
    Dropout.self,
    GaussianDropout.self,
    GaussianNoise.self,
    SpatialDropout1D.self,
    SpatialDropout2D.self,
    SpatialDropout3D.self,
    // Attention
    AdditiveAttention.self,
    AttentionLayer.self,
    GroupQueryAttention.self,
    MultiHeadAttention.self,
    // Reshaping
    Cropping1D.self,
    Cropping2D.self,
    Cropping3D.self,
    Flatten.self,
    Permute.self,
    RepeatVector.self,
    ReshapeLayer.self,
    UpSampling1D.self,
    UpSampling2D.self,
    UpSampling3D.self,
    ZeroPadding1D.self,
    ZeroPadding2D.self,
    ZeroPadding3D.self,
    // Merging
    AddLayer.self,
    AverageLayer.self,
    ConcatenateLayer.self,
    DotLayer.self,
    MaximumLayer.self,
    MinimumLayer.self,
    MultiplyLayer.self,
    SubtractLayer.self,
    // Activations
    ActivationLayer.self,
    ELULayer.self,
    LeakyReLULayer.self,
    PReLULayer.self,
    ReLULayer.self,
    SoftmaxLayer.self,
    // Preprocessing
    AugMix.self,
    AutoContrast.self,
    CategoryEncoding.self,
    CenterCrop.self,
    CutMix.self,
    Discretization.self,
    Equalization.self,
    Hashing.self,
    IntegerLookup.self,
    MelSpectrogram.self,
    MixUp.self,
    Normalization.self,
    RandAugment.self,
    RandomBrightness.self,
    RandomColorDegeneration.self,
    RandomColorJitter.self,
    RandomContrast.self,
    RandomCrop.self,
    RandomElasticTransform.self,
    RandomErasing.self,
    RandomFlip.self,
    RandomGaussianBlur.self,
    RandomGrayscale.self,
    RandomHue.self,
    RandomInvert.self,
    RandomPerspective.self,
    RandomPosterization.self,
    RandomRotation.self,
    RandomSaturation.self,
    RandomSharpness.self,
    RandomShear.self,
    RandomTranslation.self,
    RandomZoom.self,
    Rescaling.self,
    Resizing.self,
    STFTSpectrogram.self,
    Solarization.self,
  ]

  /// Other names that Keras or people use.
  package static let aliases: [String: String] = {
    var aliases = [
      "Concat": "Concatenate", "GroupedQueryAttention": "GroupQueryAttention",
      "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
      "DepthwiseConvolution1D": "DepthwiseConv1D", "DepthwiseConvolution2D": "DepthwiseConv2D",
    ]
    for rank in ["1D", "2D", "3D"] {
      aliases["MaxPool\(rank)"] = "MaxPooling\(rank)"
      aliases["AvgPool\(rank)"] = "AveragePooling\(rank)"
      aliases["GlobalMaxPool\(rank)"] = "GlobalMaxPooling\(rank)"
      aliases["GlobalAvgPool\(rank)"] = "GlobalAveragePooling\(rank)"
      aliases["Convolution\(rank)"] = "Conv\(rank)"
      aliases["Convolution\(rank)Transpose"] = "Conv\(rank)Transpose"
    }
    return aliases
  }()

  /// Keras' layers that no graph of tensors can hold, with what to write instead.
  package static let refused: [String: String] = [
    "Lambda": "write the formula itself in the box, such as \"x * x + 1\"",
    "HashedCrossing": "integers are hashed as strings in Keras; cross them with a formula such as \"a * 10 + b\"",
    "StringLookup": "tensors hold no strings: look the words up while the data is read",
    "TextVectorization": "tensors hold no strings: tokenise the text while the data is read",
    "Pipeline": "write one box for each layer, or several operations in one box",
    "FlaxLayer": "functions of other libraries have no graph: export the model as ONNX",
    "JaxLayer": "functions of other libraries have no graph: export the model as ONNX",
    "TFSMLayer": "functions of other libraries have no graph: export the model as ONNX",
    "TorchModuleWrapper": "functions of other libraries have no graph: export the model as ONNX",
    "ContrastLimitedAdaptiveHistogramEqualization": "equalise the images while they are read, or use AutoContrast",
    "InputLayer": "write Input(sizes…, element type)",
    "MaxNumBoundingBoxes": "bounding boxes are a list of any length: use Slice and Pad over a tensor of boxes",
  ]

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The layer of this name or alias.
  package static func layer(named name: String) -> (any Layer.Type)? {
    byName[name] ?? aliases[name].flatMap { byName[$0] }
  }

  /// Every name that `layer(named:)` knows.
  package static var names: [String] { all.map { $0.name } + aliases.keys }
}
