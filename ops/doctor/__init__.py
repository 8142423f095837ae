"""`person doctor`: what must hold for an installation to work, checked one by one; each finding says what it means and what to do."""
