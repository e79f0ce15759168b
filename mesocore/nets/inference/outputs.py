"""What is read off a network: a logit for each image, and how well its kind is known."""

from torch import Tensor, nn

from mesocore.nets.mesonet_plus import MesoNetPlus, kind_probability, of_kinds


class Outputs(nn.Module):
    """uint8 `(N, 3, S, S)` -> the logits `(N,)`; of a network that tells kinds apart, the
    probability of the likeliest `(N,)` too (`mesonet_plus.kind_probability`)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if not (isinstance(self.model, MesoNetPlus) and self.model.kinds):
            return (self.model(images),)
        return self.read(self.model.answers(images))

    def read(self, answers: Tensor) -> tuple[Tensor, ...]:
        """What `forward` gives, from the answers of a `MesoNetPlus`."""
        if not self.model.kinds:
            return (answers.squeeze(1),)
        return of_kinds(answers), kind_probability(answers)
