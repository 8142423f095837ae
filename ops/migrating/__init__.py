"""`person migrate`: stored events of any version into the event stream, in the newest version, once."""
