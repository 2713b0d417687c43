"""How fast faces can be loaded to train on, beside how fast the small network takes them.

    python benchmarks/training_loading.py

Pictures of 224 px, as AffectNet ships them, are read, framed and varied as ``face/cage_affectnet8_combined.yaml`` does, by 0, 1 and
2 workers; each part of the way is timed alone too. Then the small preset's own loader, and training steps of its network.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from affectstream.datasets.base import About, Corpus, read_picture
from affectstream.encoders.face.crop import CropContract
from affectstream.encoders.face.network import FaceNetwork
from affectstream.multimodal.training.face.augment import Augment, published, whole_points
from affectstream.multimodal.training.face.data import Pictures, framed_crop
from affectstream.multimodal.training.losses import affect_loss
from affectstream.multimodal.training.samples import Order, loader

LARGE, SMALL = CropContract(224, 224, colour="rgb"), CropContract()


class Faces(Corpus):
    """``count`` pictures of smooth noise in ``folder``, written if they are not there."""

    ABOUT = About("pictures of noise", "face", "", "ours", "", ())

    def __init__(self, folder: Path, count: int, side: int) -> None:
        rng = np.random.default_rng(0)
        self.files = [folder / f"{k}.jpg" for k in range(count)]
        for path in self.files:
            coarse = rng.integers(0, 256, (side // 8, side // 8, 3)).astype(np.uint8)
            smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
            noisy = smooth.astype(int) + rng.integers(-12, 13, smooth.shape)
            cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])
        share = rng.dirichlet([1.0] * 8, count)
        super().__init__([str(k) for k in range(count)], vad=rng.uniform(-1, 1, (count, 3)),
                         labels=tuple("abcdefgh"), share=share)  # fmt: skip

    def signal(self, index: int) -> np.ndarray:
        return read_picture(self.files[index])


class Loaded(Corpus):
    """The same, grey and in memory, as FER+ is."""

    ABOUT = Faces.ABOUT

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.image = rng.integers(0, 256, (count, 48, 48)).astype(np.uint8)
        super().__init__([str(k) for k in range(count)], vad=rng.uniform(-1, 1, (count, 3)),
                         labels=tuple("abcdefgh"), share=rng.dirichlet([1.0] * 8, count))  # fmt: skip

    def signal(self, index: int) -> np.ndarray:
        return self.image[index]


def samples(corpus: Corpus, contract: CropContract, variation: str, points: np.ndarray | None) -> Pictures:
    targets = (torch.from_numpy(corpus.vad), torch.from_numpy(corpus.share), torch.empty(len(corpus), 0))
    return Pictures(corpus, np.arange(len(corpus)), points, contract, targets, variation=variation)  # pyright: ignore


def rate(pictures: Pictures, workers: int, batch: int, passes: int) -> float:
    """Pictures a second; the first pass, in which workers start, does not count."""
    loading = loader(pictures, Order(np.arange(len(pictures)), batch, 0, lambda: (0, 0)), workers)
    for _ in loading:
        pass
    began = time.perf_counter()
    for _ in range(passes):
        for _ in loading:
            pass
    return passes * len(pictures) / (time.perf_counter() - began)


def each(what: str, call: Callable[[int], object], count: int) -> None:
    began = time.process_time()
    for k in range(count):
        call(k)
    print(f"  {what:<34}{1000 * (time.process_time() - began) / count:7.2f} ms of processor time a picture")


def consumed(batch: int, steps: int) -> float:
    """Pictures a second that the small network is trained on, on one core."""
    network = FaceNetwork().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    crops = torch.rand(batch, 1, 64, 64).contiguous(memory_format=torch.channels_last)
    vad, share = torch.rand(batch, 3), torch.full((batch, 8), 0.125)
    began = 0.0
    for k in range(steps + 2):
        if k == 2:  # the first build kernels
            began = time.process_time()
        optimizer.zero_grad()
        affect_loss(network(crops), vad, share).backward()
        optimizer.step()
    return steps * batch / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast faces can be loaded to train on")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    eaten = consumed(64, 12)
    print(f"the small network, trained on one core: {eaten:.0f} pictures a second of processor time")
    with tempfile.TemporaryDirectory() as name:
        faces = Faces(Path(name), arguments.pictures, 224)
        size = np.mean([path.stat().st_size for path in faces.files]) / 1024
        print(f"224 px, colour, JPEG of {size:.0f} KiB, varied as CAGE does:")
        few = min(arguments.pictures, 200)
        picture = faces.signal(0)
        each("read and decode", faces.signal, few)
        each("frame", lambda _: framed_crop(picture, None, LARGE), few)
        each("vary", lambda k: published(picture, np.random.default_rng(k)), few)
        for workers in arguments.workers:
            fed = rate(samples(faces, LARGE, "cage", None), workers, 128, 2)
            print(
                f"  {workers} workers: {fed:6.0f} pictures a second, {fed / eaten:.2f} of what the small network takes"
            )
    loaded = Loaded(4096)
    points = np.tile(whole_points(loaded.image[0]), (len(loaded), 1, 1))
    print("48 px, grey, in memory, framed by points to 64 px and varied as a camera does:")
    vary = Augment(SMALL, np.random.default_rng(0))
    each("frame and vary", lambda k: vary(loaded.image[k], points[k]), 1000)
    for workers in arguments.workers:
        fed = rate(samples(loaded, SMALL, "camera", points), workers, 64, 1)
        print(f"  {workers} workers: {fed:6.0f} pictures a second, {fed / eaten:.2f} of what the small network takes")


if __name__ == "__main__":
    main()
