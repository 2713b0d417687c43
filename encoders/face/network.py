"""The face network: a MaxViT trunk (Tu et al. 2022, arXiv 2204.01697) with the affect head, after CAGE.

Two sizes come from the one class. ``small`` (3 M parameters, 64 px, grey) runs in about 2 ms on one CPU core
and is what we ship; ``cage`` is timm's ``maxvit_tiny_tf_224`` (31 M, 224 px, RGB), the size of the paper, for
those who have its training data and a GPU.
"""

from typing import Literal

import timm
import torch
from timm.models.maxxvit import MaxxVit, MaxxVitCfg, MaxxVitConvCfg, MaxxVitTransformerCfg
from torch import Tensor, nn

from affectstream.encoders.network import Affect, AffectHead

Size = Literal["small", "cage"]


class FaceNetwork(nn.Module):
    """Crops (B, C, side, side), float in [0, 1], to :class:`Affect` over ``labels`` expressions.

    The colours are standardised inside, with ``mean`` and ``std`` kept in the weights, so that what is fed
    is always a plain crop divided by 255.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: Size = "small", *, labels: int = 8, drop_path: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk = _small(drop_path) if size == "small" else _cage(drop_path)
        self.head = AffectHead(self.trunk.num_features, labels, dropout=dropout)
        grey = size == "small"
        self.contract = (64, 1) if grey else (224, 3)  # side in pixels, channels
        mean, std = ([0.5], [0.25]) if grey else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, crops: Tensor) -> Affect:
        return self.head(self.trunk((crops - self.mean) / self.std))


def _small(drop_path: float) -> MaxxVit:
    """Four stages of one, one, two and one MaxViT blocks, 32 to 256 wide, for 64-pixel grey crops."""
    config = MaxxVitCfg(
        embed_dim=(32, 64, 128, 256),
        depths=(1, 1, 2, 1),
        block_type=("M", "M", "M", "M"),
        stem_width=(16, 32),
        conv_cfg=MaxxVitConvCfg(expand_output=False, output_bias=False, attn_ratio=1 / 16, act_layer="silu"),
        transformer_cfg=MaxxVitTransformerCfg(expand_first=False),
    )
    return MaxxVit(config, img_size=64, in_chans=1, num_classes=0, drop_path_rate=drop_path)


def _cage(drop_path: float) -> MaxxVit:
    trunk = timm.create_model("maxvit_tiny_tf_224", pretrained=False, num_classes=0, drop_path_rate=drop_path)
    if not isinstance(trunk, MaxxVit):
        raise TypeError(f"timm made a {type(trunk).__name__} of maxvit_tiny_tf_224; wanted a MaxxVit")
    return trunk
