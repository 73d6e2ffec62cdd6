"""JupyterLab as `make lab` opens it: without panels and news for others."""
from pathlib import Path

c = get_config()  # noqa: F821
c.LabApp.custom_css = True
c.ServerApp.static_custom_path = [str(Path(__file__).parent / 'custom')]
