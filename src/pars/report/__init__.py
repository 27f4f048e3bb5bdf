"""What people look at after a run: statistics over seeds, figures, the verdict and the HTML page."""

from pars.report import comparison
from pars.report.load import read_run
from pars.report.pages.overview import summary, write_report

__all__ = ["comparison", "read_run", "summary", "write_report"]
