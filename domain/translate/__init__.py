"""What neighbouring domains say, as commands of this domain, and what this domain asks of them. Pure; only foreign ids pass."""
