"""Folders of faces in the exact form in which each corpus is published: names, tables, dtypes, headers, known traps.

Only the pictures are small, and noise. Every writer returns what it wrote, as the corpus has it, so that a test can say
for itself what is to be read. Each part has 24 or more samples of four or more subjects.
"""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
AU8 = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25"
AU12 = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
EXPR7 = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"


def picture(path: Path, rng: np.random.Generator, height: int = 40, width: int = 40) -> None:
    """A JPEG of blotches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blotches = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(blotches, (width, height), interpolation=cv2.INTER_LINEAR))


def write_ferplus(folder: Path, rng: np.random.Generator, count: int = 24) -> dict[str, NDArray[Any]]:
    """``ferplus_{train,val,test}.npz``; the first face of each part has votes for unknown and not-a-face only."""
    written = {}
    for part in ("train", "val", "test"):
        count += 1
        votes = rng.multinomial(10, [0.1] * 10, count).astype(np.uint8)
        votes[0] = [0] * 8 + [7, 3]
        image = rng.integers(0, 256, (count, 48, 48)).astype(np.uint8)
        group = np.array([f"{part}{k // 2}" for k in range(count)])
        np.savez(folder / f"ferplus_{part}.npz", image=image, votes=votes, group=group)
        written[part] = votes
    return written


def write_london(folder: Path, rng: np.random.Generator, people: int = 12) -> list[tuple[str, str]]:
    """``london.csv`` and ``london/<id>_<expression>.jpg``: person and expression of each row."""
    rows = [(f"{k:03d}", expression) for k in range(2, people + 2) for expression in ("neutral", "smiling")]
    with (folder / "london.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("face_id", "expression", "role", "age", "gender", "ethnicity"))
        writer.writerows((*row, "test", 24, "female", "white") for row in rows)
    for face, expression in rows:
        picture(folder / "london" / f"{face}_{expression}.jpg", rng)
    return rows


def write_affectnet(
    folder: Path, rng: np.random.Generator, count: int = 24
) -> list[tuple[str, int, int, float, float]]:
    """``{train,val}_set/{images,annotations}``: set, number, code, valence, arousal. Numbers have gaps; values are text or floats.

    The sixth of each set has no valence and arousal.
    """
    written = []
    for name in ("train_set", "val_set"):
        annotations = folder / name / "annotations"
        annotations.mkdir(parents=True)
        for k in range(count):
            number, code = 7 * k, k % 8
            valence, arousal = (-2.0, -2.0) if k == 5 else rng.uniform(-1, 1, 2).round(6).tolist()
            np.save(annotations / f"{number}_exp.npy", np.array(str(code)))
            np.save(annotations / f"{number}_val.npy", np.array(str(valence) if k % 2 else valence))
            np.save(annotations / f"{number}_aro.npy", np.array(str(arousal) if k % 2 else arousal))
            np.save(annotations / f"{number}_lnd.npy", rng.uniform(0, 224, 136))
            picture(folder / name / "images" / f"{number}.jpg", rng)
            written.append((name, number, code, valence, arousal))
    return written


def write_affectnet_lists(folder: Path, rng: np.random.Generator, count: int = 33) -> list[dict[str, str]]:
    """``Manually_Annotated_file_lists/*.csv`` and the pictures: the rows, with ``list``. Codes 9 and 10 have no ratings."""
    columns = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    written = []
    (folder / "Manually_Annotated_file_lists").mkdir(parents=True)
    for name in ("training", "validation"):
        rows = []
        for k in range(count):
            valence, arousal = ("-2", "-2") if k % 11 > 8 else (str(v) for v in rng.uniform(-1, 1, 2).round(6))
            box = ("NULL",) * 4 if k == 10 else (str(6 + k % 3), "4", "30", "60")  # taller than the picture
            path = f"{k % 5}/{name}{k:05x}.JPG"
            points = ";".join(str(v) for v in rng.uniform(0, 40, 136).round(2))
            rows.append(dict(zip(columns.split(","), (path, *box, points, str(k % 11), valence, arousal), strict=True)))
            picture(folder / "Manually_Annotated_Images" / path, rng, 48, 44)
        with (folder / "Manually_Annotated_file_lists" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns.split(","))
            if name == "training":  # some copies of validation.csv begin with a face
                writer.writeheader()
            writer.writerows(rows)
        written += [{**row, "list": name} for row in rows]
    return written


def write_baffectnet(folder: Path, rng: np.random.Generator, count: int = 32) -> dict[tuple[str, int], list[float]]:
    """AffectNet, and for most of its faces shares of eight expressions, by set and number; other files too, for others."""
    written = {}
    for k, (name, number, *_) in enumerate(write_affectnet(folder, rng, count)):
        annotations = folder / name / "annotations"
        if k % 8 != 3:
            row = rng.dirichlet([0.3] * 8).round(6).tolist()
            text = ",".join(f"{value:.6f}" for value in row) + "\n"
            (annotations / f"{number}_prob_rank_universal.txt").write_text(text)
            written[name, number] = row
        if k % 8 != 4:
            terms = rng.dirichlet([0.3] * (15 if name == "train_set" else 14))
            (annotations / f"{number}_prob_rank.txt").write_text(",".join(f"{value:.6f}" for value in terms) + "\n")
    return written


def write_affwild2(
    folder: Path, rng: np.random.Generator, edition: int = 2022, frames: int = 9
) -> dict[str, dict[str, tuple[str, list[list[float]]]]]:
    """Label files of three tasks and ``cropped_aligned``: part and lines of each video, by task and video.

    Of the pictures, the third is missing and there are two more than lines, one of them numbered 0. The second frame has no arousal, of the fourth
    nothing is known, the fifth has no expression and one action unit unknown. Action units end a line early. Videos have
    other people, left and right, and one is in other parts for other tasks.
    """
    old = edition < 2021
    tops = ("VA_Set", "EXPR_Set", "AU_Set")
    tops = tops if old else ("VA_Estimation_Challenge", "EXPR_Recognition_Challenge", "AU_Detection_Challenge")
    splits = {"train": "Training_Set" if old else "Train_Set", "val": "Validation_Set"}
    headers = ("valence,arousal", EXPR7 if old else f"{EXPR7},Other", AU8 if old else AU12)
    train = ("1-30-1280x720", "2-30-640x360", "3-25-1920x1080_left", "3-25-1920x1080_right", "4-30-1920x1080")
    val = ("10-60-1280x720", "10-60-1280x720_right", "11-24-1920x1080", "video12", "13-30-720x480")
    parts = [{**dict.fromkeys(train, "train"), **dict.fromkeys(val, "val")} for _ in tops]
    parts[0]["20-24-1920x1080"], parts[1]["20-24-1920x1080"], parts[2]["20-24-1920x1080_left"] = "val", "train", "train"
    written = {}
    for task, (top, header, videos) in enumerate(zip(tops, headers, parts, strict=True)):
        columns = len(header.split(","))
        files = {}
        for video, part in videos.items():
            if task == 0:
                rows = rng.uniform(-1, 1, (frames, 2)).round(3).tolist()
                rows[1][1], rows[3] = -5, [-5, -5]
            elif task == 1:
                rows = [[int(k) % columns] for k in range(frames)]
                rows[3], rows[4] = [-1], [-1]
            else:
                rows = rng.integers(0, 2, (frames - 1, columns)).tolist()
                rows[3], rows[4][2] = [-1] * columns, -1
            path = folder / top / splits[part] / f"{video}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([header, *(",".join(str(v) for v in row) for row in rows), ""]))
            files[video] = (part, rows)
        written[("va", "expr", "au")[task]] = files
    for video in {video for videos in parts for video in videos}:
        late = "cropped_aligned_new_50_vids" if video == "4-30-1920x1080" else "cropped_aligned"
        for number in {*range(frames + 2)} - {3}:
            picture(folder / late / video / f"{number:05d}.jpg", rng, 28, 28)
    return written


def structs(elements: list[dict[str, Any]]) -> NDArray[Any]:
    """A MATLAB struct array, (1, n), of elements with the same fields."""
    array = np.empty((1, len(elements)), [(name, object) for name in elements[0]])
    for k, element in enumerate(elements):
        array[0, k] = tuple(element.values())
    return array


def cells(items: list[Any]) -> NDArray[Any]:
    """A MATLAB row of cells."""
    array = np.empty((1, len(items)), object)
    array[0] = items
    return array


def write_emotic(folder: Path, rng: np.random.Generator, pictures: int = 16) -> dict[str, list[dict[str, Any]]]:
    """``Annotations/Annotations.mat`` and the pictures: for each part, everybody's picture, box, words and ratings.

    In each part the first has no ratings, the second no categories and a box past the edges, the third neither, and the
    fourth a box without area.
    """
    names = ("Affection", "Doubt/Confusion", "Happiness", "Yearning", "Peace", "Fear")
    folders = ("mscoco/images", "framesdb/images", "emodb_small/images", "ade20k/images")
    written: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    tables = {}
    for part, everybody in written.items():
        table = []
        for k in range(pictures):
            place, filename = folders[k % 4], f"{part}{k:04d}.jpg"
            picture(folder / "emotic" / place / filename, rng, 40, 60)
            persons = []
            for _ in range(2):
                i = len(everybody)
                words = [] if i in (1, 2) else sorted(rng.choice(names, 2, replace=False).tolist())
                ratings = rng.integers(1, 11, 3).astype(float) if part == "train" else rng.uniform(1, 10, 3).round(2)
                ratings = np.full(3, np.nan) if i in (0, 2) else ratings
                box = [10, 5, 30, 35] if i not in (1, 3) else [-4, -3, 90, 70] if i == 1 else [20, 5, 20, 35]
                everybody.append(
                    {"picture": f"{place}/{filename}", "box": box, "words": words, "ratings": ratings.tolist()}
                )
                persons.append(_person(part, box, words, ratings))
            size = {"n_col": 60.0, "n_row": 40.0}
            base = {"name": place.split("/")[0], "info": {"image_id": float(k)}}
            table.append(
                {
                    "filename": filename,
                    "folder": place,
                    "image_size": size,
                    "original_database": base,
                    "person": structs(persons),
                }
            )
        tables[part] = structs(table)
    (folder / "Annotations").mkdir()
    savemat(folder / "Annotations" / "Annotations.mat", tables)
    return written


def _rated(ratings: NDArray[np.float64]) -> list[dict[str, Any]]:
    return [{"valence": ratings[0], "arousal": ratings[1], "dominance": ratings[2]}]


def _person(part: str, box: list[int], words: list[str], ratings: NDArray[np.float64]) -> dict[str, Any]:
    named = [{"categories": cells(words)}]
    rated = _rated(ratings)
    last = {"gender": "Female", "age": "Adult"}
    body = np.array([box], float)
    if part == "train":
        return {
            "body_bbox": body,
            "annotations_categories": structs(named),
            "annotations_continuous": structs(rated),
        } | last
    each = [{"categories": cells(words[:1])}, {"categories": cells(words[1:])}]
    apart = [_rated(np.clip(np.round(ratings + d), 1, 10))[0] for d in (-1, 1)]
    return {
        "body_bbox": body,
        "annotations_categories": structs(each),
        "combined_categories": cells(words),
        "annotations_continuous": structs(apart),
        "combined_continuous": structs(rated),
    } | last


def write_fer2013(
    folder: Path, rng: np.random.Generator, count: int = 26
) -> list[tuple[str, int, NDArray[np.uint8], NDArray[np.int64]]]:
    """``fer2013.csv`` and ``fer2013new.csv``: usage, emotion, picture and votes of each row; no votes but for NF is no face.

    The last picture of each part but the first is a copy of the first of all, the one before the last its mirror image. The
    third of each part is no face, the fourth may be one or none but has no expression, and from the tenth on the pictures' names in the new file are one behind their rows.
    """
    written = []
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for k in range(count):
            votes = rng.multinomial(10, [0.12] * 8 + [0.04, 0])
            votes = np.array([0] * 9 + [10]) if k == 2 else np.array([0] * 8 + [4, 5]) if k == 3 else votes
            image = rng.integers(0, 256, (48, 48)).astype(np.uint8)
            if usage != "Training" and k >= count - 2:
                image = written[0][2] if k == count - 1 else written[0][2][:, ::-1]
            written.append((usage, k % 7, image, votes))
    old = ["emotion,pixels,Usage"]
    old += [f"{emotion},{' '.join(map(str, image.ravel().tolist()))},{usage}" for usage, emotion, image, _ in written]
    (folder / "fer2013.csv").write_text("\n".join(old) + "\n")
    new = ["Usage,Image name," + ",".join(FERPLUS)]
    for k, (usage, _, _, votes) in enumerate(written):
        name = "" if votes[9] == 10 else f"fer{k - (k >= 10):07d}.png"
        new.append(f"{usage},{name},{','.join(map(str, votes))}")
    (folder / "fer2013new.csv").write_text("\r\n".join(new) + "\r\n")
    return written


def write_rafdb(folder: Path, rng: np.random.Generator, count: int = 28) -> list[tuple[str, int]]:
    """``basic/EmoLabel/list_patition_label.txt`` and both kinds of pictures: name without ending, and code."""
    names = [f"train_{k:05d}" for k in range(1, count + 1)] + [f"test_{k:04d}" for k in range(1, count + 1)]
    written = [(name, k % 7 + 1) for k, name in enumerate(names)]
    basic = folder / "basic"
    (basic / "EmoLabel").mkdir(parents=True)
    lines = "".join(f"{name}.jpg {code}\n" for name, code in written)
    (basic / "EmoLabel" / "list_patition_label.txt").write_text(lines)
    for name in names:
        picture(basic / "Image" / "aligned" / f"{name}_aligned.jpg", rng)
        picture(basic / "Image" / "original" / f"{name}.jpg", rng, 30, 50)
    return written
