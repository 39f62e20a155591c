"""Sentences that several names are answered with."""

NORMALISATION = (
    "no network of the paper normalises by the batch, whose scores would depend on the other images; "
    "nn.LocalResponseNorm is that of AlexNet and GoogLeNet"
)
TWO_CLASSES = "write two classes as two channels of scores, with F.softmax_cross_entropy(scores, labels)"
LOSS = "write F.softmax_cross_entropy(scores, labels), with ignore_index=255 unless said"
UPSAMPLING = "an FCN upsamples by a transposed convolution that starts bilinear: nn.ConvTranspose2d(C, C, 4, 2, 1)"
SIGMOID = "write 1 / (1 + F.exp(-x))"
TANH = "write 2 / (1 + F.exp(-2 * x)) - 1"
LEAKY = "write F.relu(x) - slope * F.relu(-x)"
SQUARES = "write ((x - y) ** 2).mean()"
GLOBAL_MEAN = "write x.mean(axis=(2, 3), keepdims=True)"
TENSOR_OF = "make an array with NumPy, and a Tensor of it: mf.Tensor(np.zeros((2, 3), 'float32'))"
RANDOM = "random numbers come from a generator: mf.Tensor(np.random.default_rng(0).normal(size=(2, 3)))"
DIMENSIONS = "minifcn has maps of rows and columns only: 2d"
HALF = "write .astype('float16')"
DOUBLE = "write .astype('float64')"
SCHEDULE = "set it yourself between steps: for group in optimizer.param_groups: group['lr'] *= 0.1"
SAVING = "write np.savez(path, **net.state_dict()), or training.checkpoint for a whole run"
DERIVED = "is not here; optim.SGD and optim.Adam are, and a subclass of optim.Optimizer with an update() is yours"

IN_PLACE = "no operation changes a Tensor in place, as its graph would not know; make a new one, or change x.data"
NO_IN_PLACE = "no operation works in place here; write it without the _ at its end"
OTHER_LOSS = "write it with operations, as ((x - y) ** 2).mean(): what is made of them has its gradient"
ABSOLUTE = "write (F.relu(x - y) + F.relu(y - x)).mean()"
GLOBAL_MAX = "write x.max(axis=(2, 3), keepdims=True)"
ELU = "write F.relu(x) + F.exp(-F.relu(-x)) - 1, for alpha=1"
SILU = "write x / (1 + F.exp(-x))"
GELU = "write x / (1 + F.exp(-1.702 * x)), which is within 0.03 of it"
SOFTPLUS = "write F.relu(x) + F.log(1 + F.exp(-F.relu(x) - F.relu(-x)))"
LOG_SIGMOID = "write -F.relu(-x) - F.log(1 + F.exp(-F.relu(x) - F.relu(-x)))"
UP_TO_6 = "write F.relu(x) - F.relu(x - 6)"
UP_TO_1 = "write F.relu(x + 1) - F.relu(x - 1) - 1"
RARE = "no network of the paper has it; write a function of Tensors, which has its gradient"
SEQUENCES = "minifcn has what fully convolutional networks need, and neither recurrence nor attention"
PADDING = "F.pad pads with zeros; pad the images with np.pad for another padding"
LAZY = "write the layer without Lazy, with its number of input channels"
QUANTISED = "minifcn has no quantised networks; a GPU multiplies in TF32 with --precision tf32"
WITHOUT_GRADIENT = "write np.{}(x.data), through which no gradient goes"
WEIGHTS = (
    "weights come from files: minifcn train --init FILE, or models.pretrained(name) for the networks of the package"
)


def each(advice: str, names: str) -> dict[str, str]:
    """Answer several names, of words, with one sentence; {} in it is the name.

    >>> each("write np.{}(x.data)", "sort flip")
    {'sort': 'write np.sort(x.data)', 'flip': 'write np.flip(x.data)'}
    """
    return {name: advice.replace("{}", name) for name in names.split()}
