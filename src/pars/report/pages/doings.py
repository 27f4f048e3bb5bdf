"""The section on what every method would do in the states of own data, action by action, beside what was done."""

from collections.abc import Sequence

from pars.report.charts import sparks
from pars.report.charts.plot import MOST
from pars.report.conduct import Conduct, Dimension, conduct, dimensions, logged
from pars.report.pages import html
from pars.report.series import Series
from pars.report.stats.statistics import number

OPEN = 6  # actions whose tables still stand open
NOTE = (
    "In {rows:,} states of the data, evenly drawn, at the end of training; all seeds together. Bar: the middle 90% of "
    "the actions between the bounds, black: their mean. Near a bound: within half a percent of the range. From the "
    "logs: the distance, root mean square, from the action that was logged in the same state. Near to the logs is safe "
    "and no better than they are; far away nothing was ever tried."
)


def doings(series: Sequence[Series]) -> str:
    """The section's markup; empty if it was not recorded what policies do."""
    known = [one for one in series if one.group.actions]
    if not known:
        return ""
    dims = dimensions(known[0].group)
    alike = [one for one in known if dimensions(one.group) == dims][:MOST]
    rows = [logged(alike[0].group), *(own for one in alike if (own := conduct(one)) is not None)]
    tables = [_table(i, dim, rows) for i, dim in enumerate(dims)]
    more = html.details(f"All {len(dims)} actions", "".join(tables[OPEN:]))
    note = html.note(NOTE.format(rows=len(known[0].group.actions[-1].arrays["data_action"])))
    return html.joined(note, *tables[:OPEN], more)


def _table(i: int, dim: Dimension, rows: Sequence[Conduct]) -> str:
    cells = []
    for row in rows:
        low, mean, high = (number(float(values[i])) for values in (row.low, row.mean, row.high))
        said = f"{row.label}: {dim.name} from {low} to {high}, mean {mean}"
        drawn = sparks.span(float(row.low[i]), float(row.mean[i]), float(row.high[i]), (dim.low, dim.high), said)
        away = "—" if row.distance is None else number(float(row.distance[i]))
        cells.append([row.label, html.Markup(drawn), f"{low} to {high}", mean, f"{row.near_bound[i]:.1%}", away])
    header = ["who", f"{dim.low:g} to {dim.high:g}", "middle 90%", "mean", "near a bound", "from the logs"]
    return html.joined(html.heading(dim.name), html.table(header, cells, pairs=True))
