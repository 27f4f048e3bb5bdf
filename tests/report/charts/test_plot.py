"""Axes read well."""

from matplotlib.figure import Figure

from pars.report.charts.plot import plain_symlog


def test_numbers_on_a_symmetric_log_axis_do_not_cover_that_of_zero():
    fig = Figure()
    axes = fig.add_subplot()
    axes.set_yscale("symlog", linthresh=90)
    axes.set_ylim(-95, 2000)
    plain_symlog(axes.yaxis)
    fig.draw_without_rendering()
    shown = {tick.get_loc(): tick.label1.get_text() for tick in axes.yaxis.get_major_ticks()}
    assert shown[0] == "0" and shown[100] == "100" and shown[1000] == "1k"
    assert shown[10] == shown[-10] == ""
