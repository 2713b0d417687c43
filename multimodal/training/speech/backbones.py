"""Other frozen speech models as a backbone, through torchaudio, from weights that the user has on disk.

Train with one by handing it to :func:`affectstream.multimodal.training.speech.folds.open_corpus`; score with
``SpeechEncoder(checkpoint, backbone)``. Nothing is fetched.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torchaudio.models import Wav2Vec2Model

from affectstream.encoders.speech.spectrum import HOP

MODELS: dict[str, Callable[[], Wav2Vec2Model]] = {
    "wav2vec2_base": torchaudio.models.wav2vec2_base,
    "wav2vec2_large": torchaudio.models.wav2vec2_large,
    "wav2vec2_xlsr_300m": torchaudio.models.wav2vec2_xlsr_300m,
    "hubert_base": torchaudio.models.hubert_base,
    "hubert_large": torchaudio.models.hubert_large,
    "wavlm_base": torchaudio.models.wavlm_base,
    "wavlm_large": torchaudio.models.wavlm_large,
}
RECEPTIVE = 400  # samples that one frame of these models looks at


class TorchaudioBackbone:
    """States (n // 320, depth, width) after each of the first ``depth`` transformer layers of one of :data:`MODELS`.

    ``weights`` is a state dict in torchaudio's names, .safetensors or a .pt of plain tensors. Raises ValueError for another
    model, FileNotFoundError without the file, RuntimeError if names or shapes are not the model's.
    """

    def __init__(self, model: str, weights: Path, depth: int = 6) -> None:
        if model not in MODELS:
            raise ValueError(f"backbone is {model!r}; wanted one of {', '.join(MODELS)}")
        if not weights.is_file():
            raise FileNotFoundError(
                f"no {weights}; wanted a state dict of torchaudio.models.{model}, .safetensors or .pt"
            )
        self.name = f"{model}-{depth}"
        self._depth = depth
        self._model = MODELS[model]()
        self._model.load_state_dict(_tensors(weights))
        self._model.eval().requires_grad_(False)

    @torch.inference_mode()
    def states(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """States of ``samples`` (n,) at 16 kHz, of mean 0 and variance 1 as these models were trained; what is left of a
        multiple of 320 is not looked at."""
        whole = samples[: len(samples) // HOP * HOP].astype(np.float32)
        scaled = (whole - whole.mean()) / np.sqrt(whole.var() + 1e-7)
        side = (RECEPTIVE - HOP) // 2
        layers, _ = self._model.extract_features(torch.from_numpy(np.pad(scaled, side))[None], num_layers=self._depth)
        return torch.stack(layers, 2)[0].numpy()


def _tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name, never unpickled."""
    return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True, map_location="cpu")
