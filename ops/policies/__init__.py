"""`person policies`: write, check, put in force and understand policies."""
