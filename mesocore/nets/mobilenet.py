"""A general network to compare with, where this course needs one."""

from torch import Tensor, nn

from mesocore.nets.inputs import check_size, to_unit


class MobileNetV3Small(nn.Module):
    """A general network, for comparison: torchvision's, from scratch, 1.5 million parameters.

    Howard et al., "Searching for MobileNetV3", ICCV 2019. Its cost is that of Meso-4: 56 million
    multiply-adds at 224 px.
    """

    def __init__(self, size: int = 256):
        from torchvision.models import mobilenet_v3_small  # late: it takes as long as torch itself

        super().__init__()
        self.size = check_size(size)
        self.body = mobilenet_v3_small(weights=None, num_classes=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(to_unit(images)).squeeze(1)  # (N,)
