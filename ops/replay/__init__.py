"""`person replay`: stored events once more, into a file, or through the pure fold of an agent into rows. Nothing here sends anything."""
