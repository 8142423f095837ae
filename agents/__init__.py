"""One file per agent: what it folds and which table it writes. Lanes execute agents; the domain decides what rows hold."""
