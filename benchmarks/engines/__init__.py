"""The engines that are measured side by side; each module is a program of its own, run by `benchmarks.run`."""
