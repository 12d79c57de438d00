"""Load kernels that the wheel has compiled, where they fit the processor and the sources."""
