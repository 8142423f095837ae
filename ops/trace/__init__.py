"""`person trace`: everything that followed from a command, as the streams tell it."""
