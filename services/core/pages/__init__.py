"""What every HTML page of the project stands on: one base template, one stylesheet."""
