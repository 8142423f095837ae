"""`person generations`: a second set of tables is built beside the serving one, compared with the streams, and takes over."""
