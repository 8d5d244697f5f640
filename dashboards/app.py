"""The dashboard. Started by ``driftwatch serve`` and ``driftwatch demo``; the store is ``DRIFTWATCH_STORE``.

Streamlit puts this folder on the path; the parts of the dashboard are imported as ``dashboards.…`` from the one beside
it, the same in a checkout and in a wheel.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
if str(_HERE.parent) not in sys.path:
    sys.path.insert(0, str(_HERE.parent))

import streamlit as st  # noqa: E402 - the path comes first

from dashboards.address import FEATURE, FLEET, INCIDENTS, MODEL, PERFORMANCE, QUALITY  # noqa: E402
from dashboards.component import stylesheet  # noqa: E402

st.set_page_config(page_title="driftwatch", page_icon=str(_HERE / "assets" / "favicon.png"), layout="wide")
stylesheet()
st.logo(str(_HERE / "assets" / "logo.svg"), size="large", icon_image=str(_HERE / "assets" / "icon.svg"))
page = st.navigation(
    {
        "Watch": [
            st.Page(FLEET, title="Fleet", icon=":material/grid_view:", default=True),
            st.Page(INCIDENTS, title="Incidents", icon=":material/notifications:"),
            st.Page(MODEL, title="Model", icon=":material/area_chart:"),
            st.Page(FEATURE, title="Feature", icon=":material/bar_chart:"),
        ],
        "Judge": [
            st.Page(PERFORMANCE, title="Performance", icon=":material/show_chart:"),
            st.Page(QUALITY, title="Data quality", icon=":material/fact_check:"),
        ],
    },
    expanded=True,
)
page.run()
