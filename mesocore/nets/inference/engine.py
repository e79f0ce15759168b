"""OpenVINO in place of PyTorch where many images are judged on a CPU: the same logits, sooner.

Of Meso-4 and MesoNetPlus it judges 1.4 to 2 times as many images a second on two cores that have
nothing else to do (benchmarks/inference.py), and beside other work several times as many, because
PyTorch's threads wait for one another in a loop. No logit differs by more than 1e-4, mostly by
1e-6. Converting a network takes one to three seconds, so what is judged sooner than that is left to
PyTorch.

Runs of residuals (`Cooccurrences`) are counted before and given to the network: OpenVINO takes
several times as long for that.

The network is converted by OpenVINO's frontend for PyTorch, and not by its `convert_model`, which
sends a note to its makers' statistics unless its user has opted out.
"""

import hashlib
import importlib.util
import warnings

import torch
from torch import Tensor, nn

from mesocore.nets import residual_runs
from mesocore.nets.cooccurrences import Cooccurrences
from mesocore.nets.inference.calibration import Examined
from mesocore.nets.inference.outputs import Outputs

ENOUGH = 2000  # images of 256 px, from which converting pays


def installed() -> bool:
    """OpenVINO has no wheel for some systems; there PyTorch does all."""
    return importlib.util.find_spec("openvino") is not None


def pays(model: nn.Module, images: int, side: int) -> bool:
    """Whether to convert for so many images of so many pixels a side: on a CPU, if enough."""
    on_cpu = all(tensor.device.type == "cpu" for tensor in model.state_dict().values())
    return on_cpu and images * side**2 >= ENOUGH * 256**2


def fingerprint(model: nn.Module) -> bytes:
    """Of the model's values, so that one that was changed is converted anew."""
    found = hashlib.blake2b(str(model).encode())
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.digest()


class _Given(nn.Module):
    """`Outputs` of a model whose co-occurrences may be given: images `(N, 3, S, S)`, counts
    `(N, 15, 125)`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = Outputs(model)
        self.counting = [part for part in model.modules() if isinstance(part, Cooccurrences)]

    def forward(self, images: Tensor, counts: Tensor | None = None) -> tuple[Tensor, ...]:
        for part in self.counting:
            part.given = counts
        try:
            return self.model(images)
        finally:
            for part in self.counting:
                part.given = None


class Engine:
    """A model as OpenVINO runs it, in fp32 on as many threads as PyTorch has.

    For images of `side` pixels alone: what depends on their size is fixed when it is converted.
    Raises `UserError` if the model takes no images of that size.
    """

    def __init__(self, model: nn.Module, side: int):
        from openvino import Core  # late: few commands need it
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        self.side, self.fingerprint = side, fingerprint(model)
        example = torch.zeros(2, 3, side, side, dtype=torch.uint8)
        with torch.inference_mode():
            model.eval()(example)  # which refuses a wrong size; the converted one would not
        model = _Given(model).eval()
        self._counts = bool(model.counting)
        with warnings.catch_warnings():  # of tracing, which is deprecated, and of our size check
            warnings.simplefilter("ignore")
            decoder = TorchScriptPythonDecoder(model, example_input=self._inputs(example))
        frontend = FrontEndManager().load_by_framework("pytorch")
        settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(),
                    "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}  # fmt: skip
        network = frontend.convert(frontend.load(decoder))  # `decoder` has to live until here
        self._compiled = Core().compile_model(network, "CPU", settings)

    def fits(self, model: nn.Module, side: int) -> bool:
        """Whether this is the model as it is now, for images of that size."""
        return self.side == side and self.fingerprint == fingerprint(model)

    def examine(self, images: Tensor) -> Examined:
        """uint8 `(N, 3, S, S)`, S the side that it was made for -> float32 `(N,)` each."""
        inputs = [each.numpy() for each in self._inputs(images.contiguous())]
        return Examined(*(each.copy() for each in self._compiled(inputs).values()))

    def _inputs(self, images: Tensor) -> tuple[Tensor, ...]:
        if not self._counts:
            return (images,)
        counts = residual_runs.counted(images.numpy(), torch.get_num_threads())
        return images, torch.from_numpy(counts)
