"""Data-parallel training in forty lines: split, sum, step.

    mpiexec -n 4 python docs/examples/data_parallel.py

With any number of processes it prints the same losses.
"""

import numpy as np
from mpi4py import MPI

import minifcn.functional as F
from minifcn import Tensor, data, models, optim

comm = MPI.COMM_WORLD
loader = data.DataLoader(data.Shapes(30, (32, 32), num_classes=3), batch_size=7, shuffle=True)
net = models.FCN32s(3, width=1 / 32, dropout=0).astype("float64")  # one seed: every rank begins with the same weights
learned = [parameter for parameter in net.parameters() if parameter.requires_grad]
optimizer = optim.SGD(learned, lr=0.5, momentum=0.9)
ends = np.cumsum([parameter.data.size for parameter in learned])

for images, labels in loader:
    # Split: each rank takes every so-manieth image; where a batch is smaller than the job, some have none.
    own, counted = slice(comm.rank, None, comm.size), (labels != 255).sum()

    optimizer.zero_grad()
    loss = 0.0
    if len(images[own]):
        scores = net(Tensor(images[own].astype("float64")))
        part = F.softmax_cross_entropy(scores, labels[own], reduction="sum") * (1 / counted)
        part.backward()
        loss = part.item()

    # Sum: what all ranks have of the gradient, in one array.
    gradients = [np.zeros(p.shape) if p.grad is None else p.grad.data for p in learned]
    flat = np.concatenate([gradient.ravel() for gradient in gradients])
    comm.Allreduce(MPI.IN_PLACE, flat)
    for parameter, gradient in zip(learned, np.split(flat, ends[:-1]), strict=True):
        parameter.grad = Tensor(gradient.reshape(parameter.shape))

    # Step: the same in every rank, so the weights stay the same without being sent.
    optimizer.step()
    loss = comm.allreduce(loss)
    if comm.rank == 0:
        print(f"{loss:.9f}")
