"""Ways up: how events of old types and versions read as current ones. Stored bytes never change."""
