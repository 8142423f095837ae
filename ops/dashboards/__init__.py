"""Grafana dashboards made of the metrics of the workers. `python -m ops.dashboards` writes them; it needs the requirements of development."""
