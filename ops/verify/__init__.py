"""`person verify`: every table compared with an independent fold of JetStream, while the installation runs."""
