"""Components: the typed parts a person is made of, one module per type, and their catalogue."""
