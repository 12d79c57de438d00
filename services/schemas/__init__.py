"""Define the typed JSON that goes in and out."""
