"""MesoNetPlus: Meso-4 with parts exchanged or added, each alone or together."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.nets.cooccurrences import Cooccurrences
from mesocore.nets.inputs import to_unit
from mesocore.nets.layers import BlurPool, HighPass, InvertedResidual, TopQuarter, attention
from mesocore.nets.mesonet import MesoNet, meso4_blocks

PLACES, COUNTED = 96, 28  # features: those that are pooled, those of what is counted
KINDS = 8  # of photographs, and as many of forgeries


class MesoNetPlus(MesoNet):
    """Meso-4 with parts exchanged or added, each alone or together; without any it is Meso-4.

    - `inverted`: other features, to the same 16 channels at 1/32 of the resolution: two plain
      convolutions, where the picture is large and wide features would be slow, then five inverted
      residuals. They are initialised and normalised as is usual now (Conv -> BatchNorm -> ReLU).
    - `attend`: a kind of attention (`layers.ATTENTION`); in the inverted residuals, or behind each
      of Meso-4's own convolutions where there are none.
    - `highpass`: fixed high-pass residuals beside the three colours.
    - `blur`: the first two poolings do not alias.
    - `kernel3`: 3 x 3 convolutions throughout, so that a cell of the last maps sees 62 pixels in
      place of 90, with 7,168 weights fewer; `dilated`: gaps of one in the last two convolutions, so
      that it sees 138 with as many weights. Of Meso-4's own convolutions.
    - `pooled`: inverted residuals of a third more channels, and the mean over all places (global
      average pooling: Lin, Chen, Yan, "Network in Network", ICLR 2014) before one dense layer, so
      that what is found counts wherever it is. The two go together: without the large dense layer
      there are weights to spare.
    - `patches`: as `pooled`, but each place has a score of its own, and the verdict is the mean of
      the top quarter: the idea of LaDeDa (Cavia et al., arXiv 2406.09398), whose patches are of
      9 x 9 pixels and which takes the mean of all; a forgery may be in one part of a face.
    - `cooccurrences`: beside what is pooled, what `Cooccurrences` counts at the full size, through
      a small dense layer; the convolutions then see the picture at half its size.
    - `kinds`: a logit for each of up to `KINDS` kinds of photographs and as many of forgeries, and
      the verdict weighs all of these against all of those: a face from a generator need not look
      like a swapped one to be as fake. Which image is of which kind, training says (`Objective`).

    Raises `UserError` for `pooled` or `patches` without `inverted`, or for both, for
    `cooccurrences` or `kinds` without `pooled`, and for `kernel3` or `dilated` with `inverted`.
    """

    def __init__(
        self,
        size: int = 256,
        inverted: bool = False,
        attend: str = "none",
        highpass: bool = False,
        blur: bool = False,
        pooled: bool = False,
        patches: bool = False,
        cooccurrences: bool = False,
        kinds: bool = False,
        kernel3: bool = False,
        dilated: bool = False,
    ):
        everywhere = pooled or patches
        if everywhere and not inverted or pooled and patches:
            raise UserError("pooled and patches go with inverted residuals, and not together: "
                            "write meso4+inverted+pooled")  # fmt: skip
        if (cooccurrences or kinds) and not pooled:
            raise UserError("cooccurrences and kinds go with pooled: write "
                            "meso4+inverted+pooled+kinds")  # fmt: skip
        if inverted and (kernel3 or dilated):
            raise UserError("kernel3 and dilated change Meso-4's own convolutions, which inverted "
                            "residuals replace: write meso4+dilated")  # fmt: skip
        colours = 6 if highpass else 3
        if inverted:
            blocks = _inverted_blocks(colours, attend, everywhere)
        else:
            blocks = meso4_blocks(colours, kernel=3 if kernel3 else 5, dilation=1 + dilated)
        if blur:
            for block in blocks[:2]:
                block[-1] = BlurPool(block[0].out_channels)
        if not inverted and attend != "none":
            blocks = [x for b in blocks for x in (b, attention(attend, b[0].out_channels))]
        features = nn.Sequential(*([HighPass()] if highpass else []), *blocks)
        super().__init__(features, size, keras=not inverted)
        self.one_size = not everywhere
        self.kinds, self.pooled = kinds, pooled
        self.counts = _counts() if cooccurrences else None
        if pooled:
            self.classifier = _pooled_head(cooccurrences, kinds)
        elif patches:
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv2d(PLACES, 1, 1), TopQuarter())

    def forward(self, images: Tensor) -> Tensor:
        answers = self.answers(images)
        return of_kinds(answers) if self.kinds else answers.squeeze(1)  # (N,)

    def answers(self, images: Tensor) -> Tensor:
        """What `forward` makes one logit of: `(N, 1)`; with `kinds` `(N, 2 * KINDS)`, a logit for
        each kind of photographs, then for each of forgeries."""
        return self._examined(images)[0]

    def evidence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The answers, and where a pooled network finds evidence for "fake": `(N, h, w)` from 0.

        A mean over places is a sum of what each place adds, so the map is exact for a linear
        answer (class activation mapping: Zhou et al., CVPR 2016), and Grad-CAM for that of all
        kinds together. What speaks for "real" is cut off; what is counted has no place.
        """
        answers, maps = self._examined(images)  # (N, A), (N, C, h, w)
        weights = self.classifier[-1].weight[:, : maps.shape[1]]  # (A, C)
        if self.kinds:
            real, fake = answers.chunk(2, dim=1)
            weights = torch.cat([-real.softmax(1), fake.softmax(1)], dim=1) @ weights  # (N, C)
        added = (weights[:, :, None, None] * maps).sum(1) / maps.shape[-1] ** 2
        return answers, functional.relu(added)

    def _examined(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The answers, and the maps of the last layer that has places."""
        self.check(images)
        x = to_unit(images)
        if self.counts is None:
            maps = self.features(x)
            return self.classifier(maps), maps
        maps = self.features(functional.avg_pool2d(x, 2))
        pooled = self.classifier[0](maps)
        return self.classifier[1:](torch.cat([pooled, self.counts(images)], dim=1)), maps


def of_kinds(answers: Tensor) -> Tensor:
    """Logits of `2 * KINDS` classes -> that of all kinds of forgeries together: `(N,)`."""
    real, fake = answers.chunk(2, dim=1)
    return fake.logsumexp(1) - real.logsumexp(1)


def kind_probability(answers: Tensor) -> Tensor:
    """Logits of `2 * KINDS` classes -> how probable the likeliest kind is, among those of the class
    (photographs, forgeries) that is more probable as a whole: `(N,)` in 0..1.

    Hendrycks & Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in
    Neural Networks", ICLR 2017, take the likeliest of all classes; within one class it says how
    well a picture is known, whatever the verdict.
    """
    real, fake = answers.chunk(2, dim=1)
    likeliest = [part.softmax(1).amax(1) for part in (real, fake)]
    return torch.where(of_kinds(answers) > 0, likeliest[1], likeliest[0])


def _pooled_head(cooccurrences: bool, kinds: bool) -> nn.Sequential:
    mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found, outputs = PLACES + COUNTED * cooccurrences, 2 * KINDS if kinds else 1
    return nn.Sequential(mean, nn.Dropout(0.2), nn.Linear(found, outputs))


class RowNorm(nn.BatchNorm1d):
    """BatchNorm of `(N, D)` that in training lets a last batch of one image pass by the averages so
    far: a single row has no variance."""

    def forward(self, rows: Tensor) -> Tensor:
        if self.training and len(rows) == 1:
            return functional.batch_norm(rows, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(rows)


def _counts() -> nn.Sequential:
    shares = Cooccurrences()
    norm = RowNorm(shares.features, affine=False)  # the rarest pattern weighs as the others
    dense = nn.Linear(shares.features, COUNTED)
    return nn.Sequential(shares, norm, nn.Hardtanh(-6, 6), nn.Dropout(0.1), dense, nn.ReLU(),
                         nn.Dropout(0.3))  # fmt: skip


def _inverted_blocks(inputs: int, attend: str, everywhere: bool) -> list[nn.Module]:
    widths = (16, 32, 48, 48, 64, 64) if everywhere else (16, 24, 32, 32, 48, 48)
    strides = (1, 2, 1, 2, 1)
    plan = zip(widths[:-1], widths[1:], strides, strict=True)
    last = (PLACES, nn.Identity()) if everywhere else (16, nn.AvgPool2d(2, ceil_mode=True))
    return [
        _plain(inputs, 8, 3, nn.MaxPool2d(2)),
        _plain(8, 16, 3, nn.MaxPool2d(2)),
        *(InvertedResidual(i, o, 3, stride, 3, attend) for i, o, stride in plan),
        _plain(widths[-1], last[0], 1, last[1]),
    ]


def _plain(inputs: int, outputs: int, kernel: int, pool: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), pool)
