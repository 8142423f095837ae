"""Settings and declarations: addresses and bounds, streams, topics and routes."""
