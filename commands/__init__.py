"""The `doorstep` command line, one file per command."""
