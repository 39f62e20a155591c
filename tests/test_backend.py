"""The switch between NumPy and CuPy, with stand-ins for CuPy in every state a machine can have it in."""

import importlib.metadata
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import standin
from cupy_standin import CUDARuntimeError, CuPy, DeviceArray

from minifcn.backend import (
    array_module,
    cuda_problem,
    device_memory,
    device_name,
    device_of,
    fused,
    problem,
    resolve_device,
    to_device,
    to_host,
    use_device,
    wait_for,
)
from minifcn.errors import UserError

# What `import cupy` does where a library of CUDA is missing.
LIBRARY_MISSING = """
try:
    raise ImportError("libcudart.so.13: cannot open")
except ImportError as error:
    raise ImportError("\\n=====\\nFailed to import CuPy.\\n\\nCheck the Installation Guide\\n=====\\n") from error
"""


@pytest.fixture(autouse=True)
def _ask_again():
    for known in (cuda_problem, problem._cupy_wheels):
        known.cache_clear()
    yield
    for known in (cuda_problem, problem._cupy_wheels):
        known.cache_clear()


@pytest.fixture
def wheels(monkeypatch):
    """A function that sets what pip lists."""

    def set_wheels(*names):
        distributions = [SimpleNamespace(name=name) for name in ("numpy", *names)]
        monkeypatch.setattr(importlib.metadata, "distributions", lambda: distributions)
        problem._cupy_wheels.cache_clear()

    set_wheels("cupy-cuda13x")
    return set_wheels


@pytest.fixture
def use_cupy(monkeypatch, wheels):
    """A function that puts a stand-in in the place of CuPy; without arguments it works, on one GPU."""

    def use(**machine):
        cupy = CuPy(**machine)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setitem(sys.modules, "cupy.cuda", cupy.cuda)
        return cupy

    return use


@pytest.fixture
def import_cupy_as(monkeypatch, tmp_path):
    """A function that makes `import cupy` run the given source."""

    def write(source):
        (tmp_path / "cupy.py").write_text(source)
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.syspath_prepend(tmp_path)

    yield write
    sys.modules.pop("cupy", None)


class TestCudaProblem:
    def test_usable(self, use_cupy):
        use_cupy()
        assert cuda_problem() == ""

    def test_the_machine_is_asked_once(self, use_cupy):
        use_cupy()
        cuda_problem()
        use_cupy(gpus=0)
        assert cuda_problem() == ""

    def test_no_wheel(self, wheels, monkeypatch):
        wheels()
        monkeypatch.setitem(sys.modules, "cupy", None)  # `import cupy` raises ModuleNotFoundError
        assert cuda_problem() == (
            "CuPy is not installed; install the wheel for your driver, for example `pip install cupy-cuda13x`."
        )

    def test_two_wheels(self, use_cupy, wheels):
        wheels("cupy-cuda12x", "cupy-cuda13x")
        use_cupy()
        assert cuda_problem() == (
            "CuPy is installed more than once (cupy-cuda12x, cupy-cuda13x), file over file; "
            "remove every CuPy wheel and install exactly one."
        )

    def test_of_two_wheels_one_was_removed(self, monkeypatch, wheels):
        monkeypatch.setitem(sys.modules, "cupy", None)
        assert cuda_problem() == (
            "CuPy is installed (cupy-cuda13x) but does not load: its files are gone; "
            "remove every CuPy wheel and install exactly one."
        )

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            (LIBRARY_MISSING, "libcudart.so.13: cannot open;"),
            ("import a_missing_requirement", "No module named 'a_missing_requirement';"),
            ("", "module 'cupy' has no attribute 'cuda';"),
            ("raise UserWarning('\\n-----\\n\\n  several wheels are installed.\\n')", "several wheels are installed;"),
        ],
        ids=["library", "requirement", "empty", "warning as error"],
    )
    def test_broken_install(self, source, reason, import_cupy_as, wheels):
        wheels("cupy-cuda12x", "cupy-cuda13x")
        import_cupy_as(source)
        assert cuda_problem().startswith(f"CuPy is installed (cupy-cuda12x, cupy-cuda13x) but does not load: {reason}")
        assert cuda_problem().endswith("; remove every CuPy wheel and install exactly one.")

    def test_no_driver(self, use_cupy):
        use_cupy(failure=CUDARuntimeError(35, "cudaErrorInsufficientDriver"), driver=0)
        assert cuda_problem() == (
            "No NVIDIA driver was found on this machine; install one, or use a machine with an NVIDIA GPU."
        )

    def test_old_driver(self, use_cupy):
        use_cupy(failure=CUDARuntimeError(35, "cudaErrorInsufficientDriver"), driver=12040)
        assert cuda_problem() == (
            "The NVIDIA driver is too old: it supports CUDA 12.4, and this CuPy needs CUDA 13; "
            "update the driver, or install CuPy's wheel for CUDA 12."
        )

    def test_driver_that_does_not_start(self, use_cupy):
        use_cupy(failure=CUDARuntimeError(803, "cudaErrorSystemDriverMismatch: versions differ"))
        assert cuda_problem() == (
            "The NVIDIA driver failed to start: cudaErrorSystemDriverMismatch: versions differ; "
            "`nvidia-smi` or a reboot may tell more."
        )

    @pytest.mark.parametrize(
        "machine", [{"gpus": 0}, {"failure": CUDARuntimeError(100, "cudaErrorNoDevice")}], ids=["none", "error 100"]
    )
    def test_no_device(self, machine, use_cupy, monkeypatch):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        use_cupy(**machine)
        assert cuda_problem() == "The NVIDIA driver sees no GPU; check `nvidia-smi`."

    @pytest.mark.parametrize("hidden_by", ["", "7"])
    def test_hidden_device(self, hidden_by, use_cupy, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden_by)
        use_cupy(failure=CUDARuntimeError(100, "cudaErrorNoDevice"))
        assert cuda_problem() == (
            f"The NVIDIA driver sees no GPU; CUDA_VISIBLE_DEVICES='{hidden_by}' may hide it, unset it."
        )

    def test_missing_nvrtc(self, use_cupy):
        class DynamicLibNotFoundError(RuntimeError):
            pass

        def arange(*_, **__):  # the first kernel is compiled here
            raise DynamicLibNotFoundError("Failure finding libnvrtc.so: not on this system\n  Listing of folders")

        use_cupy(arange=arange)
        assert cuda_problem() == (
            "CuPy sees a GPU but cannot compute on it: DynamicLibNotFoundError: Failure finding libnvrtc.so: not on "
            "this system; if a CUDA library is missing, `pip install 'cupy-cuda13x[ctk]'` brings it."
        )

    def test_missing_cublas(self, use_cupy, wheels):
        class WithoutMatrixProduct:
            def reshape(self, *_):
                return self

            def __matmul__(self, _):
                raise ImportError("libcublas.so.12: cannot open shared object file")

        wheels("cupy-cuda12x")
        use_cupy(arange=lambda *_, **__: WithoutMatrixProduct())
        assert cuda_problem() == (
            "CuPy sees a GPU but cannot compute on it: ImportError: libcublas.so.12: cannot open shared object file; "
            "if a CUDA library is missing, `pip install 'cupy-cuda12x[ctk]'` brings it."
        )

    def test_an_error_without_a_message_is_named(self, use_cupy):
        def arange(*_, **__):
            raise MemoryError

        use_cupy(arange=arange)
        assert "cannot compute on it: MemoryError: no further message;" in cuda_problem()

    def test_wrong_result(self, use_cupy):
        use_cupy(arange=lambda count, dtype: np.zeros(count, dtype))
        assert cuda_problem() == "The GPU computed 0.0 instead of 22 in a self-test; do not trust its results."


class TestResolveDevice:
    def test_cpu_asks_nothing_of_cupy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))  # any use of it would raise
        assert resolve_device("cpu") == "cpu"

    @pytest.mark.parametrize(("name", "resolved"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
    def test_with_two_gpus(self, name, resolved, use_cupy):
        use_cupy(gpus=2)
        assert resolve_device(name) == resolved

    def test_auto_without_cuda_is_the_cpu(self, use_cupy):
        use_cupy(gpus=0)
        assert resolve_device("auto") == "cpu"

    @pytest.mark.parametrize("name", ["cuda", "cuda:0"])
    def test_cuda_without_cuda_is_an_error_of_one_sentence(self, name, wheels, monkeypatch):
        wheels()
        monkeypatch.setitem(sys.modules, "cupy", None)
        with pytest.raises(UserError) as error:
            resolve_device(name)
        assert str(error.value) == f"device '{name}' cannot be used, choose cpu or auto: {cuda_problem()}"
        assert "\n" not in str(error.value)

    def test_a_gpu_that_is_not_there(self, use_cupy):
        use_cupy(gpus=2)
        with pytest.raises(UserError, match=r"^device 'cuda:2' does not exist: the GPUs here are cuda:0 to cuda:1$"):
            resolve_device("cuda:2")

    @pytest.mark.parametrize("name", ["gpu", "CUDA", "cuda:x", "cuda:", "cuda:-1", "cuda:01", "cuda:0\n", "", None, 0])
    def test_an_unknown_name_gets_the_valid_ones(self, name):
        with pytest.raises(UserError) as error:
            resolve_device(name)
        assert str(error.value) == f"device must be auto, cpu, cuda or cuda:N (N = 0, 1, ...), got {name!r}"


class TestUseDevice:
    def test_the_cpu_needs_nothing_of_cupy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))
        assert use_device("cpu") == "cpu"
        wait_for("cpu")
        assert (device_memory("cpu"), device_name("cpu")) == ({}, "")

    def test_a_gpu_is_the_one_that_computes_from_now_on(self, gpu):
        assert use_device("cuda", "tf32") == gpu
        assert use_device("cuda") == gpu
        wait_for(gpu)
        assert set(device_memory(gpu)) == {"used", "held", "free", "total"}
        assert "GiB, CUDA" in device_name(gpu)

    def test_another_gpu_than_the_first(self, use_cupy, monkeypatch):
        cupy, used = use_cupy(gpus=2), []
        cupy._core = SimpleNamespace(set_compute_type=lambda *_: None)
        monkeypatch.setattr(cupy.cuda, "Device", lambda number: SimpleNamespace(use=lambda: used.append(number)))
        assert use_device("cuda:1") == "cuda:1"
        assert used == [1]


class TestFused:
    @staticmethod
    def step(xp, x, y, *, twice):
        x += y
        if twice:
            x += y
        xp.maximum(x, 0, out=x)

    @pytest.mark.parametrize(("twice", "expected"), [(False, [0, 3]), (True, [0, 5])])
    def test_changes_arrays_on_any_device(self, twice, expected, device):
        x, y = (to_device(np.array(values), device) for values in ([-9.0, 1.0], [1.0, 2.0]))
        fused(self.step)(x, y, twice=twice)
        assert to_host(x).tolist() == expected

    def test_is_one_kernel(self, stand_in):
        x = to_device(np.ones(3), stand_in)
        with standin.count() as events:
            fused(self.step)(x, x.copy(), twice=True)
        assert events["kernel"] == 2  # one of them copies

    def test_refuses_numpys_own_functions_as_cupy_does(self, stand_in):
        x = to_device(np.ones(3), stand_in)
        with pytest.raises(TypeError, match="xp"):
            fused(lambda xp, x: np.maximum(x, 0, out=x))(x)


class TestArrayModule:
    @pytest.mark.parametrize("x", [np.zeros(3), np.float32(1), np.zeros(2).view(np.recarray), 1.0, [1, 2]], ids=repr)
    def test_of_what_numpy_holds(self, x):
        assert array_module(x) is np

    def test_of_an_array_on_a_gpu(self, use_cupy):
        cupy = use_cupy()
        assert array_module(DeviceArray(np.zeros(3))) is cupy

    @pytest.mark.parametrize("cupy", [None, ModuleType("cupy")], ids=["blocked", "empty"])
    def test_with_a_cupy_that_is_none(self, cupy, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        assert array_module([1, 2]) is np

    def test_of_a_foreign_array(self):
        with pytest.raises(
            TypeError, match=r"x must be an array of NumPy or CuPy, got DeviceArray; .* pass its \.data"
        ):
            array_module(DeviceArray(np.zeros(3)))


class TestTransfer:
    def test_on_the_host_nothing_is_copied(self, rng):
        x = rng.standard_normal((2, 3))
        assert to_host(x) is x
        assert to_device(x, "cpu") is x
        assert device_of(x) == "cpu"

    def test_on_its_gpu_nothing_is_copied(self, use_cupy):
        use_cupy(gpus=2)
        x = DeviceArray(np.zeros(3), gpu=1)
        assert to_device(x, "cuda:1") is x

    @pytest.mark.parametrize("name", ["cuda:0", "cuda:1"])
    def test_there_and_back(self, name, use_cupy, rng):
        use_cupy(gpus=2)
        x = rng.standard_normal((2, 3, 4))
        there = to_device(x, name)
        back = to_host(there)
        assert device_of(there) == name
        assert not np.shares_memory(back, x)
        np.testing.assert_array_equal(back, x)

    def test_from_gpu_to_gpu(self, use_cupy):
        use_cupy(gpus=2)
        x = to_device(to_device(np.arange(3), "cuda:0"), "cuda:1")
        assert device_of(x) == "cuda:1"
        np.testing.assert_array_equal(to_host(x), [0, 1, 2])

    def test_a_number(self, use_cupy):
        use_cupy()
        assert to_host(to_device(np.float32(1.5), "cuda")) == np.float32(1.5)
        assert to_host(to_device(1.5, "cuda")) == 1.5

    @pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)], ids=["NCHW", "NHWC", "reversed"])
    def test_the_layout_in_memory_stays(self, axes, use_cupy, rng):
        use_cupy()
        x = rng.standard_normal((2, 3, 4, 5)).transpose(axes)
        there = to_device(x, "cuda")
        assert there.strides == to_host(there).strides == x.strides
        np.testing.assert_array_equal(to_host(there), x)

    def test_no_gpu_is_an_error_and_not_a_host_array(self, use_cupy):
        use_cupy(gpus=0)
        with pytest.raises(UserError, match="device 'cuda' cannot be used, choose cpu or auto: The NVIDIA driver sees"):
            to_device(np.zeros(3), "cuda")


@pytest.mark.parametrize("channels_last", [False, True])
def test_real_device_keeps_values_and_layout(device, channels_last, rng):
    x = rng.standard_normal((2, 4, 5, 3), dtype=np.float32)
    x = x.transpose(0, 3, 1, 2) if channels_last else x
    there = to_device(x, device)
    assert device_of(there) == device
    assert there.strides == x.strides
    np.testing.assert_array_equal(to_host(there), x)
