"""Everything that `pars reproduce` knows, by id, in the order of the paper's figures and then its tables."""

from __future__ import annotations

from pars.errors import UsageError, unknown
from pars.reproduce.base import Study
from pars.reproduce.grid import Grid
from pars.reproduce.paper import (
    appendix_c,
    claims,
    figure2,
    figure3,
    figure4,
    figure5,
    figure6,
    figure7,
    figure8,
    figure9,
    figure10,
    figure12,
    figure14,
    figure15,
    figure19,
    printed,
    q_landscape,
    settings,
    table1,
    table2,
    table3,
    table4,
    table5,
    table12,
    table14,
)

CATALOGUE: dict[str, Study | Grid] = {
    one.id: one
    for one in (
        printed.FIGURE1,
        figure2.FIGURE2,
        figure3.FIGURE3,
        figure4.FIGURE4,
        figure5.FIGURE5,
        figure6.FIGURE6,
        figure7.FIGURE7,
        figure8.FIGURE8,
        figure9.FIGURE9,
        figure10.FIGURE10,
        table14.FIGURE11,
        figure12.FIGURE12,
        table3.FIGURE13,
        figure14.FIGURE14,
        figure15.FIGURE15,
        figure9.FIGURE16,
        table14.FIGURE17,
        table14.FIGURE18,
        figure19.FIGURE19,
        q_landscape.QLANDSCAPE,
        appendix_c.APPENDIX_C,
        table1.TABLE1,
        table2.TABLE2,
        table3.TABLE3,
        table4.TABLE4,
        table5.TABLE5,
        table2.TABLE6,
        table2.TABLE7,
        settings.TABLE8,
        settings.TABLE9,
        settings.TABLE10,
        settings.TABLE11,
        table12.TABLE12,
        table14.TABLE13,
        table14.TABLE14,
        claims.CLAIMS,
    )
}
ALL = "all"


def find(ids: list[str]) -> list[Study | Grid]:
    """The experiments of these ids, each once; "all" for every one. Raises UsageError."""
    for name in ids:
        if name not in CATALOGUE and name != ALL:
            raise UsageError(unknown("experiment", name, [*CATALOGUE, ALL]))
    return [one for name, one in CATALOGUE.items() if ALL in ids or name in ids]
