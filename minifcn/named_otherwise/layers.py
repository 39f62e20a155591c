"""What torch.nn.functional and torch.nn call otherwise."""

from minifcn.named_otherwise import advice
from minifcn.named_otherwise.advice import each

FUNCTIONAL = {
    **each(advice.LOSS, "cross_entropy nll_loss linear_cross_entropy"),
    "binary_cross_entropy": advice.TWO_CLASSES,
    "binary_cross_entropy_with_logits": advice.TWO_CLASSES,
    "mse_loss": advice.SQUARES,
    "cat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    **each(advice.UPSAMPLING, "interpolate upsample upsample_bilinear upsample_nearest"),
    "sigmoid": advice.SIGMOID,
    "tanh": advice.TANH,
    "leaky_relu": advice.LEAKY,
    **each(advice.NORMALISATION, "batch_norm group_norm layer_norm instance_norm rms_norm"),
    "adaptive_avg_pool2d": advice.GLOBAL_MEAN,
    "unfold": "it is called explain.im2col_matrix(...) here, and minifcn.compute.im2col has the code",
    "fold": "the adjoint of im2col is the transpose of explain.im2col_matrix(...)",
    "max": "it is a method: x.max(axis=1)",
    "argmax": "it is a method: x.argmax(axis=1)",
    "sum": "it is a method: x.sum(axis=1)",
    "mean": "it is a method: x.mean(axis=1)",
    "one_hot": "write np.eye(num_classes)[labels]",
    **each(advice.SILU, "silu swish"),
    **each(advice.ELU, "elu"),
    **each(advice.GELU, "gelu"),
    **each(advice.SOFTPLUS, "softplus"),
    **each(advice.LOG_SIGMOID, "logsigmoid"),
    **each(advice.UP_TO_6, "relu6"),
    **each(advice.UP_TO_1, "hardtanh"),
    **each("write F.softmax(-x, axis=1)", "softmin"),
    **each(advice.ABSOLUTE, "l1_loss"),
    **each(advice.GLOBAL_MAX, "adaptive_max_pool2d"),
    **each("call F.max_pool2d(x, kernel_size, return_indices=True)", "max_pool2d_with_indices"),
    **each("write x / (x ** 2).sum(axis=1, keepdims=True) ** 0.5", "normalize"),
    **each("write (p * (F.log(p) - log_q)).sum()", "kl_div"),
    **each("write x.reshape(...) and x.transpose(...)", "pixel_shuffle pixel_unshuffle channel_shuffle"),
    **each("images are scaled and cropped by data.transforms, on the host", "grid_sample affine_grid"),
    **each(advice.NO_IN_PLACE, "relu_ elu_ celu_ leaky_relu_ hardtanh_ selu_ rrelu_ threshold_"),
    **each(
        advice.OTHER_LOSS,
        "smooth_l1_loss huber_loss gaussian_nll_loss poisson_nll_loss hinge_embedding_loss cosine_embedding_loss "
        "margin_ranking_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss soft_margin_loss "
        "triplet_margin_loss triplet_margin_with_distance_loss dice_loss",
    ),
    **each(
        advice.RARE,
        "alpha_dropout bilinear celu cosine_similarity feature_alpha_dropout fractional_max_pool2d glu gumbel_softmax "
        "hardshrink hardsigmoid hardswish lp_pool2d mish pairwise_distance pdist prelu rrelu selu softshrink softsign "
        "tanhshrink threshold fractional_max_pool2d_with_indices adaptive_max_pool2d_with_indices",
    ),
    **each(
        advice.SEQUENCES,
        "ctc_loss embedding embedding_bag multi_head_attention_forward scaled_dot_product_attention",
    ),
    **each(
        advice.DIMENSIONS,
        "conv1d conv3d conv_tbc conv_transpose1d conv_transpose3d max_pool1d max_pool3d avg_pool1d avg_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool3d dropout1d dropout3d "
        "max_unpool1d max_unpool3d lp_pool1d lp_pool3d fractional_max_pool3d",
    ),
}

NN = {
    "functional": "it is a room of its own: import minifcn.functional as F",
    **each(
        advice.NORMALISATION, "BatchNorm2d SyncBatchNorm GroupNorm LayerNorm InstanceNorm2d RMSNorm LazyBatchNorm2d"
    ),
    **each(advice.LOSS, "CrossEntropyLoss NLLLoss NLLLoss2d LinearCrossEntropyLoss"),
    "BCELoss": advice.TWO_CLASSES,
    "BCEWithLogitsLoss": advice.TWO_CLASSES,
    "MSELoss": advice.SQUARES,
    "AdaptiveAvgPool2d": advice.GLOBAL_MEAN,
    "MaxUnpool2d": "call F.max_unpool2d in forward()",
    **each(advice.UPSAMPLING, "Upsample UpsamplingBilinear2d UpsamplingNearest2d"),
    "Softmax": "call F.softmax(x, axis=1) in forward()",
    "LogSoftmax": "call F.log_softmax(x, axis=1) in forward()",
    "Sigmoid": advice.SIGMOID,
    "Tanh": advice.TANH,
    "LeakyReLU": advice.LEAKY,
    "ZeroPad2d": "call F.pad(x, padding) in forward()",
    "Identity": "an empty nn.Sequential() gives what it gets",
    "ModuleDict": "give each module a name with setattr(self, name, module)",
    "ParameterList": "give each parameter a name with setattr(self, name, parameter)",
    "ParameterDict": "give each parameter a name with setattr(self, name, parameter)",
    "utils": "norms and clipping are NumPy on p.grad.data, for p in net.parameters(), before optimizer.step()",
    "DataParallel": "a network runs on all cores, or on one GPU; several processes share a training, docs/parallel.md",
    **each("it is nn.LocalResponseNorm", "CrossMapLRN2d"),
    **each("call F.softmax(x, axis=1) in forward()", "Softmax2d"),
    **each("call F.softmax(-x, axis=1) in forward()", "Softmin"),
    **each("write x.reshape(...) in forward()", "Unflatten PixelShuffle PixelUnshuffle ChannelShuffle"),
    **each(advice.SILU, "SiLU"),
    **each(advice.ELU, "ELU"),
    **each(advice.GELU, "GELU"),
    **each(advice.SOFTPLUS, "Softplus"),
    **each(advice.LOG_SIGMOID, "LogSigmoid"),
    **each(advice.UP_TO_6, "ReLU6"),
    **each(advice.UP_TO_1, "Hardtanh"),
    **each(advice.ABSOLUTE, "L1Loss"),
    **each(advice.GLOBAL_MAX, "AdaptiveMaxPool2d"),
    **each("it is called explain.im2col_matrix(...) here, and minifcn.compute.im2col has the code", "Unfold Fold"),
    **each(
        advice.OTHER_LOSS,
        "SmoothL1Loss HuberLoss KLDivLoss GaussianNLLLoss PoissonNLLLoss HingeEmbeddingLoss CosineEmbeddingLoss "
        "MarginRankingLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss SoftMarginLoss "
        "TripletMarginLoss TripletMarginWithDistanceLoss",
    ),
    **each(
        advice.RARE,
        "AlphaDropout Bilinear CELU CosineSimilarity FeatureAlphaDropout FractionalMaxPool2d GLU Hardshrink "
        "Hardsigmoid Hardswish LPPool2d Mish PReLU PairwiseDistance RReLU SELU Softshrink Softsign Tanhshrink "
        "Threshold AdaptiveLogSoftmaxWithLoss",
    ),
    **each(
        advice.SEQUENCES,
        "CTCLoss Embedding EmbeddingBag GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase MultiheadAttention "
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer attention",
    ),
    **each(
        advice.DIMENSIONS,
        "Conv1d Conv3d ConvTranspose1d ConvTranspose3d MaxPool1d MaxPool3d AvgPool1d AvgPool3d AdaptiveAvgPool1d "
        "AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool3d BatchNorm1d BatchNorm3d InstanceNorm1d InstanceNorm3d "
        "Dropout1d Dropout3d MaxUnpool1d MaxUnpool3d LPPool1d LPPool3d FractionalMaxPool3d ZeroPad1d ZeroPad3d "
        "CircularPad1d CircularPad3d ConstantPad1d ConstantPad3d ReflectionPad1d ReflectionPad3d ReplicationPad1d "
        "ReplicationPad3d",
    ),
    **each(advice.PADDING, "CircularPad2d ConstantPad2d ReflectionPad2d ReplicationPad2d"),
    **each(
        advice.LAZY,
        "LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyLinear "
        "LazyBatchNorm1d LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d "
        "UninitializedBuffer UninitializedParameter",
    ),
    **each("it is called nn.Sequential or nn.ModuleList here", "Container"),
    **each("keep an array as an attribute; it is not in state_dict()", "Buffer"),
    **each("several processes share a training, docs/parallel.md", "parallel"),
    **each(advice.QUANTISED, "quantized quantizable intrinsic qat"),
}


# torch.nn.init, where functions fill a tensor; here they make an array.
INIT = {
    **each("it draws an array here: nn.init.he_normal(out, in, kernel_size, rng)", "kaiming_normal_ kaiming_normal"),
    **each(
        "it draws an array here: nn.init.fan_in_uniform(out, in, kernel_size, rng), PyTorch's own start of a layer",
        "kaiming_uniform_ kaiming_uniform",
    ),
    **each(
        "write p.data[...] = rng.normal(size=p.shape) * std for a parameter p",
        "normal_ normal xavier_normal_ xavier_normal trunc_normal_",
    ),
    **each(
        "write p.data[...] = rng.uniform(-bound, bound, p.shape) for a parameter p",
        "uniform_ uniform xavier_uniform_ xavier_uniform",
    ),
    **each("write p.data[...] = value for a parameter p", "constant_ constant zeros_ ones_"),
    "eye_": "write p.data[...] = np.eye(*p.shape) for a parameter p",
    "eye": "write p.data[...] = np.eye(*p.shape) for a parameter p",
    **each("write p.data[...] = array for a parameter p", "dirac_ dirac orthogonal_ orthogonal sparse_ sparse"),
    "calculate_gain": "the gain of a ReLU is 2 ** 0.5, and nn.init.he_normal has it in it",
}
