"""Value objects: validated and normalised when they enter, plain when they are read from the log."""
