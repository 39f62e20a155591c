"""What torch itself, torch.optim, torch.utils.data, torch.autograd and torchvision call otherwise."""

from minifcn.named_otherwise import advice
from minifcn.named_otherwise.advice import each
from minifcn.named_otherwise.objects import TENSOR

OPTIM = {
    "AdamW": f"it {advice.DERIVED}; weight_decay of optim.Adam is added to the gradient",
    **each(
        f"it {advice.DERIVED}",
        "RMSprop Adagrad NAdam RAdam LBFGS Adadelta Adamax Adafactor ASGD Rprop SparseAdam Muon",
    ),
    **each(advice.SCHEDULE, "lr_scheduler StepLR MultiStepLR ExponentialLR CosineAnnealingLR ReduceLROnPlateau"),
    "swa_utils": "average the arrays of several net.state_dict() yourself",
}

TOP = {
    "tensor": "it is called mf.Tensor(data) here, which keeps an array without copying it",
    "as_tensor": "it is called mf.Tensor(data) here, which keeps an array without copying it",
    "from_numpy": "it is called mf.Tensor(array) here, which keeps an array without copying it",
    "asarray": "it is called mf.Tensor(array) here, which keeps an array without copying it",
    **each(
        advice.TENSOR_OF, "zeros ones full arange eye empty zeros_like ones_like full_like empty_like linspace logspace"
    ),
    **each(advice.RANDOM, "rand randn randint rand_like randn_like normal bernoulli multinomial"),
    "randperm": "write np.random.default_rng(0).permutation(n)",
    "manual_seed": "there is no global one; pass rng=np.random.default_rng(0) to what draws",
    "Generator": "it is NumPy's: np.random.default_rng(0)",
    "cat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    "concat": "it is called F.concatenate(tensors, axis=1) here, as in NumPy",
    "concatenate": "it is F.concatenate(tensors, axis=1)",
    "stack": "write F.concatenate([x[None] for x in tensors], axis=0)",
    "save": advice.SAVING,
    "load": "write net.load_state_dict(np.load(path)); no file is trusted, and none with pickled objects is read",
    **each("number types are written as in NumPy: '{}'", "float16 float32 float64 uint8 int16 int32 int64 bool"),
    "half": "number types are written as in NumPy: 'float16'",
    "float": "number types are written as in NumPy: 'float32'",
    "double": "number types are written as in NumPy: 'float64'",
    "int": "number types are written as in NumPy: 'int32'",
    "long": "number types are written as in NumPy: 'int64'",
    "bfloat16": "NumPy has no such number type; a GPU multiplies in TF32 with --precision tf32",
    "cuda": "name the device, as in net.to('cuda'); mf.cuda_problem() says why it cannot be used",
    "device": "a device is a text: 'cpu', 'cuda', 'cuda:1'",
    **each("write with mf.no_grad():", "inference_mode set_grad_enabled"),
    "enable_grad": "write nothing: operations are recorded but inside mf.no_grad()",
    "is_grad_enabled": "minifcn.recording has it",
    "set_num_threads": "set MINIFCN_THREADS before Python starts; by default all cores are used",
    "utils": "data sets and loaders are in minifcn.data",
    "relu": "it is F.relu(x), of minifcn.functional",
    "softmax": "it is F.softmax(x, axis=1), of minifcn.functional",
    **each("it is F.{}(x), of minifcn.functional", "exp log log_softmax dropout"),
    **each("it is F.{}(...), of minifcn.functional", "conv2d conv_transpose2d max_pool2d"),
    **each("it is a method: x.{}(axis=1)", "max argmax sum mean"),
    "transpose": "it is a method, that takes all axes in their new order: x.transpose(0, 2, 3, 1)",
    "reshape": "it is a method: x.reshape(...)",
    "detach": "it is a method: x.detach()",
    "einsum": "write it with @, * and .sum(axis=...), which have gradients; np.einsum on x.data has none",
    "meshgrid": "np.meshgrid gives arrays; mf.Tensor(array) makes a Tensor of one",
    "is_tensor": "write isinstance(x, mf.Tensor)",
    **each(
        "write mf.Tensor(array.astype(dtype))", "FloatTensor DoubleTensor LongTensor IntTensor ByteTensor BoolTensor"
    ),
    "Size": "x.shape is a tuple",
    "set_printoptions": "write np.set_printoptions(...)",
    **each(
        "number types are never set for a whole program: write .astype(dtype)", "set_default_dtype get_default_dtype"
    ),
    **each("name the device, as in net.to('cuda')", "set_default_device backends mps"),
    "set_default_tensor_type": "number types are never set for a whole program: write .astype(dtype)",
    "get_num_threads": "MINIFCN_THREADS says how many; by default all cores are used",
    "use_deterministic_algorithms": "results are the same bits from run to run; write nothing",
    **each(
        "there is no global one; pass rng=np.random.default_rng(0) to what draws",
        "seed initial_seed get_rng_state set_rng_state",
    ),
    **each("compute in float32, or multiply in TF32 on a GPU with --precision tf32", "autocast amp GradScaler"),
    **each("several processes share a training: docs/parallel.md", "distributed multiprocessing"),
    "onnx": "minifcn convert writes such a file, from the shell",
    "hub": "write models.pretrained(name) for the networks of the package; published files are read by --init FILE",
    "profiler": "write minifcn bench, or Python's own cProfile",
    "finfo": "write np.finfo(x.dtype)",
    "iinfo": "write np.iinfo(x.dtype)",
    "vmap": "operations take batches (N, C, H, W) as they are",
    "func": "mf.grad(outputs, inputs) gives gradients, and create_graph=True those of gradients",
    "linalg": "write np.linalg on x.data, through which no gradient goes",
    "fft": "write np.fft on x.data, through which no gradient goes",
    **each("nothing is compiled; mf.algorithm(name) chooses how convolutions are computed", "compile jit fx"),
}

for _name in TENSOR.keys() - TOP.keys():  # most methods of a tensor are functions of torch too
    TOP[_name] = TENSOR[_name]

# torch.utils.data
DATA = {
    "random_split": "folder:PATH draws a split by itself; else write a Dataset that gives dataset[i] of the i drawn",
    "Subset": "write a Dataset that gives dataset[indices[i]]; data.dataset.FirstImages has the first ones",
    **each(
        "write a Dataset: __len__, __getitem__ that gives data.Sample(image, label, name), class_names and palette",
        "TensorDataset IterableDataset StackDataset MapDataPipe IterDataPipe DFIterDataPipe",
    ),
    **each("write a Dataset that asks one data set after the other", "ConcatDataset ChainDataset"),
    **each(
        "shuffle=True of data.DataLoader draws an order, which depends on seed= and the epoch",
        "Sampler BatchSampler RandomSampler SequentialSampler SubsetRandomSampler WeightedRandomSampler "
        "DistributedSampler",
    ),
    **each(
        "samples of several sizes share a batch with pad=True of data.DataLoader", "default_collate default_convert"
    ),
    "get_worker_info": "workers are threads, and what is drawn does not depend on which one draws it",
    "datasets": "data sets are classes of this room, such as data.VOCSegmentation",
    "VOCDetection": "boxes are no labels here; data.VOCSegmentation is what FCNs learn from",
    "Cityscapes": "save its label ids as masks and write data.Folder(path, split)",
    "ImageFolder": "it labels whole images; data.Folder(path, split) has a label for each pixel",
    **each("data.Shapes and data.Folder(path, split) are at hand; nothing is downloaded", "MNIST CIFAR10 FakeData"),
    "ToTensor": "data.Normalize makes arrays for a network of images",
}

# torchvision.transforms
TRANSFORMS = {
    "Normalize": "it is data.Normalize, given to a data.DataLoader as normalize=",
    **each(
        "data.Normalize makes arrays for a network of images; labels stay what they are",
        "ToTensor PILToTensor ToImage ToDtype ConvertImageDtype",
    ),
    "ToPILImage": "write PIL.Image.fromarray(sample.image)",
    "RandomHorizontalFlip": "it is called data.RandomMirror(p) here, which mirrors image and label",
    "RandomResizedCrop": "write data.Compose([data.RandomScale(0.5, 2.0), data.RandomCrop((h, w))])",
    "CenterCrop": "write a function of (sample, rng) that cuts sample.image and sample.label",
    **each(
        "write a function of (sample, rng) that gives a changed data.Sample, image and label alike",
        "RandomVerticalFlip RandomRotation RandomAffine RandomPerspective ElasticTransform Pad FiveCrop TenCrop Lambda "
        "RandomApply RandomChoice RandomOrder RandomErasing",
    ),
    **each(
        "write a function of (sample, rng) that gives a data.Sample with another image",
        "ColorJitter GaussianBlur Grayscale RandomGrayscale RandomInvert RandomPosterize RandomSolarize RandomEqualize "
        "RandomAdjustSharpness RandomAutocontrast AutoAugment RandAugment TrivialAugmentWide AugMix",
    ),
    **each("images are scaled bilinearly, labels by nearest neighbour", "InterpolationMode"),
    **each("transforms are classes: data.Resize((h, w)), data.RandomMirror()", "functional v2"),
}

# torchvision.models
MODELS = {
    **each(
        "the trunks are those of the paper: models.FCN32s(21, backbone='vgg16'), 'alexnet' or 'googlenet'",
        "resnet18 resnet34 resnet50 resnet101 resnet152 vgg11 vgg13 vgg16_bn vgg19 densenet121 mobilenet_v2 "
        "mobilenet_v3_small mobilenet_v3_large efficientnet_b0 inception_v3 squeezenet1_0 convnext_tiny vit_b_16 "
        "ResNet",
    ),
    **each("they are models.FCN32s, models.FCN16s and models.FCN8s", "segmentation fcn_resnet50 fcn_resnet101"),
    **each(
        "an FCN fuses scores of three strides: models.FCN8s(num_classes)",
        "deeplabv3_resnet50 deeplabv3_resnet101 lraspp_mobilenet_v3_large UNet Unet",
    ),
    **each("write models.classifier(...), the trunk as a classifier", "VGG AlexNet GoogLeNet"),
    **each(advice.WEIGHTS, "get_model get_weight list_models VGG16_Weights AlexNet_Weights"),
    **each("boxes are not predicted; the networks score each pixel", "detection video"),
}

AUTOGRAD = {
    "grad": "it is called mf.grad(outputs, inputs)",
    "backward": "it is a method: x.backward()",
    "Function": 'write a function with @operation: docs/architecture.md, "Where to add"',
    "Variable": "it is called mf.Tensor(data, requires_grad=True)",
    "gradcheck": "it is called mf.gradcheck(f, inputs)",
    "gradgradcheck": "it is called mf.gradcheck(f, inputs, order=2)",
    "functional": "mf.grad(outputs, inputs) gives gradients, and create_graph=True those of gradients",
    **each("nothing of the kind is needed: an error names the operation", "detect_anomaly set_detect_anomaly"),
    **each("write with mf.no_grad():", "inference_mode set_grad_enabled"),
    "enable_grad": "write nothing: operations are recorded but inside mf.no_grad()",
}
