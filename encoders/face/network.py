"""The face network: a MaxViT trunk (Tu et al. 2022, arXiv 2204.01697) with the affect head, after CAGE.

Two sizes come from the one class. ``small`` (3 M parameters, 64 px, grey) runs in about 2 ms on one CPU core
and is what we ship; ``cage`` (31 M, 224 px, RGB) is the published network of CAGE (Wagner et al. 2024, arXiv
2404.14975), for those who have its training data and a GPU. Its trunk is, number for number, torchvision's
``maxvit_t``, so that it can start from that one's weights for ImageNet
(:mod:`affectstream.multimodal.training.face.torchvision_weights`).
"""

from typing import Literal

import torch
from timm.models.maxxvit import AttentionCl, Downsample2d, MaxxVit, MaxxVitCfg, MaxxVitConvCfg, MaxxVitTransformerCfg
from torch import Tensor, nn

from affectstream.encoders.network import Affect, AffectHead

Size = Literal["small", "cage"]
Head = Literal["affect", "published", "published_va", "published_vad"]

_DEPTHS = {"small": (1, 1, 2, 1), "cage": (2, 2, 5, 2)}  # blocks of each stage
_RATINGS = {"published": 0, "published_va": 2, "published_vad": 3}


class PublishedHead(nn.Module):
    """CAGE's own head, features (B, ``width``) to :class:`Affect`: LayerNorm, Linear, Tanh, Linear without bias.

    The columns of its last layer are the ``labels``' logits, the logits of the ``marks``, and the first ``ratings`` of
    valence, arousal and dominance. As published, ratings are not bounded: a mean may lie outside [-1, 1]. What the paper's
    head does not tell is a constant, so that a loss or a file of answers needs no exception: 0 for the mean of a dimension
    that is not rated, 0 for every log-variance. Learn with losses that leave the variance out, or without its weight.
    """

    def __init__(self, width: int, labels: int, *, ratings: int, dropout: float = 0.0, marks: int = 0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, labels + marks + ratings, bias=False)
        self.columns = [labels, marks, ratings]

    def forward(self, features: Tensor) -> Affect:
        embedding = torch.tanh(self.hidden(self.norm(features)))
        logits, marks, rated = self.out(self.dropout(embedding)).split(self.columns, dim=1)
        labels, questions, ratings = self.columns
        unknown = torch.zeros_like(embedding[:, :3])
        mean = torch.cat([rated, unknown[:, ratings:]], 1)
        return Affect(mean, unknown, logits if labels else None, embedding, marks if questions else None)


class FaceNetwork(nn.Module):
    """Crops (B, C, side, side), float in [0, 1], to :class:`Affect` over ``labels`` expressions and ``marks`` questions.

    C and side are 1 and 64 if ``size`` is "small", 3 and 224 if it is "cage". ``head`` is "affect" for ours
    (:class:`AffectHead`), or for :class:`PublishedHead` one of "published" (labels and marks alone), "published_va" (valence
    and arousal too) and "published_vad". ``drop_path`` is the chance at which the last block is skipped in training, the
    first never is; ``dropout`` is before the last layer.

    The colours are standardised inside, with ``mean`` and ``std`` kept in the weights, so that what is fed
    is always a plain crop divided by 255. Raises ValueError for a size or a head of another name, and for a head that would
    tell nothing.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        size: Size = "small",
        *,
        labels: int = 8,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        marks: int = 0,
        head: Head = "affect",
    ) -> None:
        super().__init__()
        if size not in _DEPTHS:
            raise ValueError(f"size is {size!r}; wanted 'small' or 'cage'")
        if head not in ("affect", *_RATINGS):
            raise ValueError(f"head is {head!r}; wanted 'affect' or one of {', '.join(_RATINGS)}")
        if not labels + marks + _RATINGS.get(head, 3):
            raise ValueError("the head 'published' got no labels and no marks; wanted some, or the head 'published_va'")
        self.depths = _DEPTHS[size]
        self.trunk = _small(drop_path) if size == "small" else _cage(drop_path)
        width = self.trunk.num_features
        if head == "affect":
            self.head = AffectHead(width, labels, dropout=dropout, marks=marks)
        else:
            self.head = PublishedHead(width, labels, ratings=_RATINGS[head], dropout=dropout, marks=marks)
        grey = size == "small"
        self.contract = (64, 1) if grey else (224, 3)  # side in pixels, channels
        mean, std = ([0.5], [0.25]) if grey else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, crops: Tensor) -> Affect:
        return self.head(self.trunk((crops - self.mean) / self.std))

    def depth(self, name: str) -> int:
        """How deep the parameter ``name`` lies: 0 in the stem, 1 in the first block, one more in each further block, and one
        more than the last in the head. Raises ValueError for a name of none."""
        parts = name.split(".")
        if parts[:2] == ["trunk", "stem"]:
            return 0
        if parts[:2] == ["trunk", "stages"]:
            return sum(self.depths[: int(parts[2])]) + int(parts[4]) + 1
        if parts[:2] == ["trunk", "norm"] or parts[0] == "head":
            return sum(self.depths) + 1
        raise ValueError(f"{name!r} is no parameter of a face network; wanted one such as 'trunk.stem.conv1.weight'")


def _small(drop_path: float) -> MaxxVit:
    """Four stages of one, one, two and one MaxViT blocks, 32 to 256 wide, for 64-pixel grey crops."""
    config = MaxxVitCfg(
        embed_dim=(32, 64, 128, 256),
        depths=_DEPTHS["small"],
        block_type=("M", "M", "M", "M"),
        stem_width=(16, 32),
        conv_cfg=MaxxVitConvCfg(expand_output=False, output_bias=False, attn_ratio=1 / 16, act_layer="silu"),
        transformer_cfg=MaxxVitTransformerCfg(expand_first=False),
    )
    return MaxxVit(config, img_size=64, in_chans=1, num_classes=0, drop_path_rate=drop_path)


def _cage(drop_path: float) -> MaxxVit:
    """MaxViT-T as torchvision has it: two, two, five and two blocks, 64 to 512 wide, for 224-pixel crops.

    timm's blocks say most of it. What they cannot be told is put right afterwards: the first convolution has no bias, a
    shortcut counts the padding in its average and projects even where the width stays, attention is scaled by the width of
    all heads instead of one's, running statistics move by a hundredth, and there is no norm before the pooling.
    """
    config = MaxxVitCfg(
        embed_dim=(64, 128, 256, 512),
        depths=_DEPTHS["cage"],
        block_type=("M", "M", "M", "M"),
        stem_width=64,
        stem_bias=True,
        conv_cfg=MaxxVitConvCfg(pool_type="avg", norm_eps=1e-3),
        transformer_cfg=MaxxVitTransformerCfg(head_first=False, norm_eps=1e-5),
    )
    trunk = MaxxVit(config, img_size=224, num_classes=0, drop_path_rate=drop_path)
    trunk.stem.conv1.register_parameter("bias", None)
    trunk.norm = nn.Identity()
    for module in trunk.modules():
        if isinstance(module, Downsample2d):
            module.pool = nn.AvgPool2d(3, stride=2, padding=1)
            if isinstance(module.expand, nn.Identity):
                module.expand = nn.Conv2d(64, 64, 1)
        if isinstance(module, AttentionCl):
            module.scale = module.qkv.in_features**-0.5
            module.fused_attn = False  # the fused one has a scale of its own
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
    return trunk
