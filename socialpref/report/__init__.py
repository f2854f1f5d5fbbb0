"""The reports: a study, or an audit, as one HTML file that needs nothing but a browser.

Python computes every number and sentence; the page's script only draws them. A question's
details are drawn when it is opened, so that hundreds of questions make a small file.
"""

from .comparisons import render_comparisons_report, write_comparisons_report
from .page import render_report, write_report

__all__ = [
    "render_comparisons_report",
    "render_report",
    "write_comparisons_report",
    "write_report",
]
