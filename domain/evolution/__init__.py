"""Effects of the events on a state, one module per family; none validates, and an event out of place changes nothing."""
