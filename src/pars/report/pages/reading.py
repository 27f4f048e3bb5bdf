"""How to read a page: what its signs mean, said once at its top."""

from __future__ import annotations

from pars.report.records import PHASES, Run

SCORES = (
    "± is the sample standard deviation over seeds; each seed counts once, with the mean over its episodes.",
    "An interval in brackets holds the mean with 95 % confidence, by bootstrap over seeds; with few seeds it is too "
    "narrow. Two means whose intervals overlap may be the same.",
    "The headline is always the last evaluation. The best one was picked after seeing all, so it flatters.",
)
FIGURES = (
    "A series has the same colour and dashes in every figure. Thick: mean over seeds; thin: single seeds.",
    "Every figure has its numbers behind the link CSV. Hold the pointer over a curve of scores to read a value; a "
    "click on a name below a figure hides that series in all figures, another shows it.",
)
Q = (
    "Q is what the critic promises, divided by the reward scale, in units of raw reward. Above the black line, "
    "where the largest possible return is known, no policy can earn what it promises. All maps of Q share one scale of "
    "colours.",
)
EXHIBIT = (*SCORES, "A reference is the paper's number; the verdict says how ours lies to it, with a margin below.")
DATA = ("Without an environment nothing is scored: errors, and actions beside the logged ones, are all there is.",)
CHECK = (
    "The headline says whether training would take the file. A warning stops nothing, and is worth a look.",
    "Choose a column to see its histogram large; the pointer or the arrow keys say what a bar holds.",
    "In the table of columns the bars are a histogram; the line is the mean over the rows in their order, the band "
    "around it goes from the least to the greatest value.",
    "At bound: the share of rows whose action is the least or the greatest there is; many mean that it was cut off.",
)


def of_run(run: Run) -> list[str]:
    """What belongs to the page of a run or of several compared."""
    scored = any("score" in group.metrics.get(phase, {}) for group in run.groups for phase in PHASES)
    critics = any(group.landscapes or "q_max" in group.metrics.get("offline", {}) for group in run.groups)
    return [*(SCORES if scored else DATA), *FIGURES, *(Q if critics else ())]
