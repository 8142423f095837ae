"""The guards of the commands and the events they lead to, one module per family."""
